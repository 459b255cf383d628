# ruff: noqa: F401 - imports of modules that register what they hold
"""What offices declare: e-mails, journal, error codes, menu, and what hears of e-mails that are lost."""

from accounts.models import AccountEvent
from api.problem_details import A_RULE_REFUSES, ErrorCode, declare_errors, declare_family
from collectivities import emails
from collectivities.journal import JournalAction, declare_actions, declare_subject
from collectivities.models import (
    ACCOUNT_ACTIONS,
    PORTFOLIO_ADDED_AT_ONCE,
    PORTFOLIO_ADDED_BY_LIST,
    PORTFOLIO_REMOVED_BY_LIST,
    PORTFOLIO_UPDATED_BY_LIST,
)
from collectivities.operations.members import schedule_check_of_lost
from mailing.delivery_reports import loss_listeners
from web.frame import OFFICE_SECTION, declare_page

loss_listeners.declare("collectivities", schedule_check_of_lost)

declare_subject("portfolio", "Écoles", rank=80)
declare_subject("messages", "Messages", rank=90)
declare_subject("members", "Membres", rank=100)
declare_subject("accounts", "Comptes et connexions", rank=110)
declare_subject("settings", "Réglages", rank=120)
declare_subject("api", "Jetons de l'API", rank=130)
declare_subject("webhooks", "Webhooks", rank=140)
declare_subject("office", "Bureau", rank=150)
declare_actions(
    {
        "portfolio.added": JournalAction("Écoles ajoutées", ("école ajoutée", "écoles ajoutées")),
        PORTFOLIO_ADDED_BY_LIST: JournalAction("Écoles ajoutées"),
        PORTFOLIO_ADDED_AT_ONCE: JournalAction("Écoles ajoutées"),
        "portfolio.addition_undone": JournalAction("Ajouts annulés"),
        "portfolio.bulk_updated": JournalAction("Écoles ajoutées ou modifiées par un tableau"),
        "portfolio.contact_updated": JournalAction(
            "Contacts modifiés", ("contact d'école modifié", "contacts d'écoles modifiés"), has_address=True
        ),
        PORTFOLIO_UPDATED_BY_LIST: JournalAction("Contacts modifiés"),
        "portfolio.removed": JournalAction("Écoles retirées", ("école retirée", "écoles retirées")),
        PORTFOLIO_REMOVED_BY_LIST: JournalAction("Écoles retirées"),
        "portfolio.bulk_removed": JournalAction("Écoles retirées"),
        "messages.overruled": JournalAction("E-mails écrits quand même"),
        "members.invited": JournalAction(
            "Invitations", ("invitation envoyée", "invitations envoyées"), has_address=True
        ),
        "members.invitation_withdrawn": JournalAction(
            "Invitations", ("invitation retirée", "invitations retirées"), has_address=True
        ),
        "members.joined": JournalAction("Arrivées", ("arrivée dans le bureau", "arrivées dans le bureau")),
        "members.left": JournalAction("Départs"),
        "members.removed": JournalAction("Départs"),
        "members.roles_changed": JournalAction("Rôles modifiés"),
        **{f"{ACCOUNT_ACTIONS}{event.value}": JournalAction(str(event.label)) for event in AccountEvent.Action},
        "settings.changed": JournalAction("Présentation modifiée"),
        "settings.second_factor_required": JournalAction("Double authentification demandée ou non"),
        "settings.second_factor_optional": JournalAction("Double authentification demandée ou non"),
        "api.token_created": JournalAction("Jetons créés"),
        "api.token_revoked": JournalAction("Jetons révoqués"),
        "webhooks.created": JournalAction("Webhooks ajoutés"),
        "webhooks.updated": JournalAction("Webhooks modifiés"),
        "webhooks.rotated": JournalAction("Secrets renouvelés"),
        "webhooks.deleted": JournalAction("Webhooks supprimés"),
        "webhooks.tested": JournalAction("Essais et renvois"),
        "webhooks.replayed": JournalAction("Essais et renvois"),
        "office.opened": JournalAction("Bureau ouvert"),
        "office.visited": JournalAction("Bureau ouvert par l'exploitant"),
        "office.visit_closed": JournalAction("Bureau fermé par l'exploitant"),
    }
)

PORTFOLIO = declare_family("Périmètre", A_RULE_REFUSES, rank=80)
declare_errors(
    PORTFOLIO,
    ErrorCode("not_in_portfolio", "", "L'établissement n'est pas dans votre périmètre.", "Ajoutez-le d'abord."),
    ErrorCode("invalid_contact", "", "L'adresse du contact n'en est pas une, ou le nombre de classes surprend.",
              "Corrigez ce que `detail` nomme."),
)  # fmt: skip

WEBHOOKS = declare_family("Webhooks", A_RULE_REFUSES, rank=100)
declare_errors(
    WEBHOOKS,
    ErrorCode("url_not_allowed", "", "Rien ne peut être envoyé à cette adresse : pas en https, ou pas sur l'internet.",
              "Donnez une adresse en https que l'internet peut joindre."),
    ErrorCode("url_already_used", "", "Un webhook conduit déjà à cette adresse.", "Modifiez celui-là."),
    ErrorCode("unknown_event_type", "", "Aucun type d'événement ne porte ce nom.",
              "Prenez ceux de la page de l'opération ; aucun : tous."),
    ErrorCode("too_many_webhooks", "", "Un bureau a vingt webhooks au plus.", "Supprimez-en un qui ne sert plus."),
    ErrorCode("webhook_disabled", "", "Le webhook est désactivé.", "Activez-le d'abord."),
    ErrorCode("delivery_pending", "", "L'envoi attend déjà : il part au prochain essai.", "Il n'y a rien à faire."),
    ErrorCode("already_rotated", "", "Le secret vient d'être renouvelé, et le précédent signe encore.",
              "Attendez la fin de `previous_secret_until`."),
)  # fmt: skip

declare_page("portfolio:list", "Écoles", section="Écoles")
declare_page("journal", "Journal", section="Suivi", rank=30)
declare_page("members:list", "Membres", section=OFFICE_SECTION, rank=10)
declare_page("office_settings", "Réglages", section=OFFICE_SECTION, rank=20)
declare_page("tokens:list", "API", section=OFFICE_SECTION, rank=30)
declare_page("webhooks:list", "Webhooks", section=OFFICE_SECTION, rank=40)
