"""French names of the actions of the audit log, for the filter of the Journal page and for its export.

Actions with the same name are one choice of the filter: a revocation alone, and the revocations of a list.
"""

from __future__ import annotations

from collections.abc import Collection

from accounts.models import AccountEvent
from collectivities.models import (
    ACCOUNT_ACTIONS,
    PORTFOLIO_ADDED_AT_ONCE,
    PORTFOLIO_ADDED_BY_LIST,
    PORTFOLIO_REMOVED_BY_LIST,
    PORTFOLIO_UPDATED_BY_LIST,
)

#: Names of subjects, the part of an action before its dot, in the order of the filter.
SUBJECT_LABELS = {
    "orders": "Achats",
    "pools": "Lots et attributions",
    "keys": "Clés",
    "reminders": "Relances automatiques",
    "requests": "Demandes des écoles",
    "renewals": "Reconduction",
    "import": "Imports",
    "portfolio": "Écoles",
    "messages": "Messages",
    "members": "Membres",
    "accounts": "Comptes et connexions",
    "settings": "Réglages",
    "api": "Jetons de l'API",
    "webhooks": "Webhooks",
    "office": "Bureau",
}
_OTHER = "Autre"

_ORDER_LABELS = {
    "quoted": "Devis établi",
    "placed": "Commande passée",
    "confirmed": "Commande confirmée, facture émise",
    "rights_opened": "Licences ouvertes",
    "started": "Licences ouvertes",
    "prolonged": "Échéance prolongée",
    "scan_received": "Bon de commande déposé",
    "scan_refused": "Bon de commande refusé",
    "completed": "Facturation complétée ou corrigée",
    "corrected": "Facturation complétée ou corrigée",
    "vat_corrected": "Facturation complétée ou corrigée",
    "reinvoiced": "Facture remplacée ou avoir",
    "credited": "Facture remplacée ou avoir",
    # The last eleven are the states of `billing.models.PlatformState`.
    **dict.fromkeys(
        (
            "platform_sent",
            "platform_not_sent",
            "platform_given_up",
            "platform_taken_back",
            "platform_deposited",
            "platform_received",
            "platform_rejected",
            "platform_refused",
            "platform_approved",
            "platform_in_payment",
            "platform_suspended",
            "platform_disputed",
            "platform_completed",
            "platform_to_recycle",
            "platform_collected",
        ),
        "Suivi de la facture",
    ),
    "collection_declared": "Suivi de la facture",
    "reminded": "Rappel de paiement",
    "payment_recorded": "Paiement",
    "paid": "Paiement",
    "paid_in_excess": "Paiement",
    "surplus_moved": "Paiement",
    "unpaid_again": "Paiement annulé ou remboursé",
    "payment_reversed": "Paiement annulé ou remboursé",
    "refunded": "Paiement annulé ou remboursé",
    "card_started": "Paiement par carte",
    "card_checked": "Paiement par carte",
    "card_refund_retried": "Paiement par carte",
    "card_refunded": "Paiement par carte",
    "card_undue_refunded": "Paiement par carte",
    "suspended": "Commande suspendue ou rétablie",
    "restored": "Commande suspendue ou rétablie",
    "lapsed": "Commande annulée ou abandonnée",
    "cancelled": "Commande annulée ou abandonnée",
    "discarded": "Commande annulée ou abandonnée",
}

ACTION_LABELS = {
    **{f"orders.{action}": label for action, label in _ORDER_LABELS.items()},
    "pools.allocated": "Licences attribuées",
    "pools.allocated_by_list": "Licences attribuées",
    "pools.bulk_allocated": "Licences attribuées",
    "pools.grown": "Attributions augmentées",
    "pools.grown_by_list": "Attributions augmentées",
    "pools.reduced": "Attributions réduites",
    "pools.reduced_by_list": "Attributions réduites",
    "pools.revoked": "Licences reprises",
    "pools.revoked_by_list": "Licences reprises",
    "pools.revocation_undone": "Reprises annulées",
    "pools.returned": "Licences rendues",
    "pools.return_undone": "Licences rendues",
    "pools.return_requested": "Licences demandées aux écoles",
    "pools.return_request_withdrawn": "Licences demandées aux écoles",
    "pools.return_declined": "Licences demandées aux écoles",
    "pools.rebalanced": "Rééquilibrages",
    "pools.rebalancing_undone": "Rééquilibrages",
    "pools.opened": "Lots ouverts",
    "pools.started": "Lots ouverts",
    "pools.taken_back": "Lots réduits",
    "pools.renamed": "Lots renommés",
    "pools.suspended": "Lots suspendus ou rétablis",
    "pools.resumed": "Lots suspendus ou rétablis",
    "requests.created": "Demandes reçues",
    "requests.withdrawn": "Demandes retirées par l'école",
    "requests.accepted": "Demandes acceptées",
    "requests.refused": "Demandes refusées",
    "keys.redeemed": "Clés activées",
    "keys.held": "Licences utilisées ou libérées",
    "keys.released": "Licences utilisées ou libérées",
    "keys.reminded": "Relances",
    "keys.resent": "Clés renvoyées",
    "keys.revealed": "Clés affichées",
    "reminders.sent": "Relances envoyées",
    "reminders.cancelled": "Relances annulées",
    "reminders.policy_changed": "Réglages des relances",
    "reminders.stopped": "Relances arrêtées par une école",
    "reminders.resumed": "Relances arrêtées par une école",
    "renewals.edited": "Liste de reconduction changée",
    "renewals.ordered": "Reconduction commandée",
    "renewals.declined": "Reconduction laissée sans suite ou rouverte",
    "renewals.reopened": "Reconduction laissée sans suite ou rouverte",
    "renewals.applied": "Reconduction attribuée ou annulée",
    "renewals.application_undone": "Reconduction attribuée ou annulée",
    "import.uploaded": "Tableaux déposés",
    "import.replaced": "Tableaux remplacés",
    "import.resumed": "Tableaux repris",
    "import.application_requested": "Application demandée",
    "import.request_withdrawn": "Application demandée",
    "import.applied": "Imports appliqués",
    "import.cancellation_requested": "Imports annulés",
    "import.cancelled": "Imports annulés",
    "import.undone": "Imports défaits",
    "portfolio.added": "Écoles ajoutées",
    PORTFOLIO_ADDED_BY_LIST: "Écoles ajoutées",
    PORTFOLIO_ADDED_AT_ONCE: "Écoles ajoutées",
    "portfolio.addition_undone": "Ajouts annulés",
    "portfolio.bulk_updated": "Écoles ajoutées ou modifiées par un tableau",
    "portfolio.contact_updated": "Contacts modifiés",
    PORTFOLIO_UPDATED_BY_LIST: "Contacts modifiés",
    "portfolio.removed": "Écoles retirées",
    PORTFOLIO_REMOVED_BY_LIST: "Écoles retirées",
    "portfolio.bulk_removed": "Écoles retirées",
    "messages.bounced": "E-mails non remis",
    "messages.overruled": "E-mails écrits quand même",
    "messages.sending_failed": "Envois qui échouent",
    "members.invited": "Invitations",
    "members.invitation_withdrawn": "Invitations",
    "members.joined": "Arrivées",
    "members.left": "Départs",
    "members.removed": "Départs",
    "members.roles_changed": "Rôles modifiés",
    **{f"{ACCOUNT_ACTIONS}{action.value}": str(action.label) for action in AccountEvent.Action},
    "settings.changed": "Présentation modifiée",
    "settings.second_factor_required": "Double authentification demandée ou non",
    "settings.second_factor_optional": "Double authentification demandée ou non",
    "api.token_created": "Jetons créés",
    "api.token_revoked": "Jetons révoqués",
    "webhooks.created": "Webhooks ajoutés",
    "webhooks.updated": "Webhooks modifiés",
    "webhooks.rotated": "Secrets renouvelés",
    "webhooks.deleted": "Webhooks supprimés",
    "webhooks.tested": "Essais et renvois",
    "webhooks.replayed": "Essais et renvois",
    "office.opened": "Bureau ouvert",
    "office.visited": "Bureau ouvert par l'exploitant",
    "office.visit_closed": "Bureau fermé par l'exploitant",
}


def describe_action(action: str) -> str:
    """Return the French name of an action, or that of its subject where the action has none."""
    return ACTION_LABELS.get(action) or SUBJECT_LABELS.get(_get_subject(action), _OTHER)


def list_same_actions(action: str) -> list[str]:
    """Return the actions of the same subject with the same name as this one; empty where it has none."""
    label, subject = ACTION_LABELS.get(action), _get_subject(action)
    return [other for other, name in ACTION_LABELS.items() if name == label and _get_subject(other) == subject]


def find_choice(action: str) -> str:
    """Return the value of the journal's filter that finds an action: the first of its name, else its subject."""
    return next(iter(list_same_actions(action)), _get_subject(action))


def group_choices(actions: Collection[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return, by subject, the choices of a filter that finds these actions: the whole subject, then each name."""
    names = {(_get_subject(action), ACTION_LABELS.get(action)) for action in actions}
    groups = []
    for subject, subject_label in SUBJECT_LABELS.items():
        if subject not in {found for found, _ in names}:
            continue
        # Of each name the first action of the list, so that a link stays the same whatever has happened since.
        first = {label: action for action, label in reversed(ACTION_LABELS.items()) if _get_subject(action) == subject}
        choices = sorted((label, action) for label, action in first.items() if (subject, label) in names)
        everything = (subject, f"{subject_label} : tout")
        groups.append((subject_label, [everything, *((action, label) for label, action in choices)]))
    return groups


def _get_subject(action: str) -> str:
    return action.partition(".")[0]
