"""What pools declare: e-mails, events, journal, error codes, menu; what follows a bounce; that licences were given."""

from api.problem_details import A_RULE_REFUSES, ErrorCode, declare_errors, declare_family
from collectivities.access import gifts
from collectivities.journal import JournalAction, declare_actions, declare_subject
from licensing.pools import key_emails, queries
from licensing.pools.events import PoolEvent
from mailing.delivery_reports import bounce_listeners, hold_listeners
from web.frame import declare_page
from webhooks.event_types import declare_event_types

declare_event_types(PoolEvent)
key_emails.register_kinds()
bounce_listeners.declare("pools", key_emails.record_bounces)
hold_listeners.declare("pools", key_emails.schedule_look)
gifts.declare("pools", queries.has_given)

declare_subject("pools", "Lots et attributions", rank=20)
declare_subject("keys", "Clés", rank=30)
declare_actions(
    {
        "pools.allocated": JournalAction(
            "Licences attribuées", ("attribution à une école", "attributions à des écoles"), has_address=True
        ),
        "pools.allocated_by_list": JournalAction("Licences attribuées"),
        "pools.bulk_allocated": JournalAction("Licences attribuées"),
        "pools.grown": JournalAction(
            "Attributions augmentées", ("attribution augmentée", "attributions augmentées"), has_address=True
        ),
        "pools.grown_by_list": JournalAction("Attributions augmentées"),
        "pools.reduced": JournalAction("Attributions réduites", ("attribution réduite", "attributions réduites")),
        "pools.reduced_by_list": JournalAction("Attributions réduites"),
        "pools.revoked": JournalAction("Licences reprises", ("attribution reprise", "attributions reprises")),
        "pools.revoked_by_list": JournalAction("Licences reprises"),
        "pools.revocation_undone": JournalAction("Reprises annulées", ("reprise annulée", "reprises annulées")),
        "pools.opened": JournalAction("Lots ouverts"),
        "pools.started": JournalAction("Lots ouverts"),
        "pools.taken_back": JournalAction("Lots réduits"),
        "pools.renamed": JournalAction("Lots renommés"),
        "pools.suspended": JournalAction("Lots suspendus ou rétablis"),
        "pools.resumed": JournalAction("Lots suspendus ou rétablis"),
        "keys.redeemed": JournalAction("Clés activées", ("clé activée", "clés activées")),
        "keys.held": JournalAction(
            "Licences utilisées ou libérées", ("licence prise en usage", "licences prises en usage")
        ),
        "keys.released": JournalAction("Licences utilisées ou libérées", ("licence libérée", "licences libérées")),
        "keys.reminded": JournalAction("Relances", ("école relancée", "écoles relancées"), has_address=True),
        "keys.resent": JournalAction("Clés renvoyées", ("clé renvoyée", "clés renvoyées"), has_address=True),
        "keys.revealed": JournalAction("Clés affichées", ("clé affichée", "clés affichées")),
        "messages.bounced": JournalAction("E-mails non remis"),
    }
)

LICENCES = declare_family("Lots et attributions", A_RULE_REFUSES, rank=50)
declare_errors(
    LICENCES,
    ErrorCode("unknown_pool", "", "Aucun lot de votre collectivité ne porte ce numéro.", "Lisez la liste des lots."),
    ErrorCode("pool_exhausted", "", "Le lot n'a pas assez de licences libres ; `detail` dit combien il en reste.",
              "Demandez moins, choisissez un autre lot, ou achetez des licences."),
    ErrorCode("pool_suspended", "", "Le lot attend le bon de commande signé ou le règlement de sa commande.",
              "Régularisez la commande : le lot reprend de lui-même."),
    ErrorCode("pool_closed", "", "Le dernier jour du lot est passé, ou sa commande a été annulée.",
              "Choisissez un lot de l'année scolaire en cours."),
    ErrorCode("unknown_school", "", "Aucun établissement de l'annuaire ne porte cet UAI.",
              "Cherchez l'établissement dans l'annuaire."),
    ErrorCode("school_closed", "", "L'annuaire dit cet établissement fermé.",
              "Vérifiez l'UAI : l'école en a peut-être un nouveau."),
    ErrorCode("duplicate_school", "", "Le même établissement vient deux fois dans la requête.",
              "Envoyez chacun une fois, avec le nombre voulu."),
    ErrorCode("rows_rejected", "", "Des lignes d'une liste « tout ou rien » sont refusées : `errors` nomme chacune.",
              "Corrigez-les et renvoyez la liste ; pour des attributions, vous pouvez demander `best_effort`."),
    ErrorCode("recipient_missing", "", "Ni contact dans le périmètre, ni adresse officielle dans l'annuaire.",
              "Envoyez `recipient`, ou donnez un contact à l'école dans le périmètre."),
    ErrorCode("invalid_recipient", "", "L'adresse e-mail manque, ou n'en est pas une.", "Corrigez-la."),
    ErrorCode("recipient_refused", "", "Un serveur a refusé cette adresse : rien ne lui est écrit sans votre accord.",
              "Donnez une autre adresse ; si celle-ci est bonne, écrivez quand même depuis la page du message."),
    ErrorCode("invalid_units", "", "Le nombre de licences ne convient pas.", "Envoyez un nombre entier, au moins 1."),
    ErrorCode("would_reduce", "", "L'école a déjà davantage que le nombre demandé, qui est un total.",
              "Demandez au moins ce qu'elle a, ou réduisez l'attribution."),
    ErrorCode("invalid_send_date", "", "Le jour de l'envoi est passé, ou vient après le dernier jour du lot.",
              "Choisissez aujourd'hui, ou un jour à venir jusqu'à la fin du lot."),
    ErrorCode("unknown_allocation", "", "Aucune attribution de votre collectivité ne porte ce numéro.",
              "Lisez la liste des attributions."),
    ErrorCode("already_redeemed", "", "La clé est activée : ses licences sont à l'école jusqu'à la fin de l'année.",
              "Il n'y a rien à faire."),
    ErrorCode("already_revoked", "", "L'attribution est déjà reprise.", "Il n'y a rien à faire."),
    ErrorCode("restoration_too_late", "", "La reprise a plus d'une heure, ou l'école en est prévenue.",
              "Attribuez de nouveau : l'école aura une autre clé."),
    ErrorCode("school_served_again", "", "L'école a reçu depuis la reprise une autre clé du même lot.",
              "Ajoutez-lui des licences : sa clé les portera."),
    ErrorCode("not_yet_sent", "", "Aucun e-mail n'est encore arrivé : il n'y a rien à rappeler.",
              "Vérifiez l'adresse, puis renvoyez la clé."),
    ErrorCode("reminded_today", "", "L'école a déjà été relancée aujourd'hui.", "Attendez demain."),
    ErrorCode("written_this_week", "", "Une relance est déjà partie cette semaine pour l'école, d'où qu'elle vienne.",
              "Attendez lundi ; pour une seule attribution, vous pouvez envoyer `anyway`."),
)  # fmt: skip

declare_page("pools:allocations", "Attributions", section="Distribuer", rank=40)
declare_page("pools:pools", "Lots", section="Achats", rank=30)
