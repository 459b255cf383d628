"""An order as the operator reads it: its state, what happened, until when its rights run, what comes next."""

from __future__ import annotations

import datetime
from decimal import Decimal

from django.db.models import QuerySet

from accounts.queries import list_confirmed_addresses
from core.calendar import date_in_paris
from core.formatting import euros, long_date, pluralize
from licensing.books.billing.queries import get_amount_received
from licensing.entitlements.models import Entitlement
from licensing.entitlements.wording import describe_review, describe_start
from licensing.orders.models import ContractWithdrawal, Order, OrderState, PurchaseOrderScan, ScanState
from licensing.orders.purchase_orders import REPLACED
from licensing.orders.queries import get_refund_deadline

AWAITING_PURCHASE_ORDER = (OrderState.PLACED, OrderState.LAPSED)


def describe_state(order: Order) -> str:
    """Return the state of an order in a few words, on every page the same, with its signed purchase order's.

    One query for an order without `under_review`, which lists annotate by `is_under_review`.
    """
    if order.state in AWAITING_PURCHASE_ORDER and _is_under_review(order):
        return describe_review(suspended=order.state == OrderState.LAPSED)
    return order.get_state_display()


def _is_under_review(order: Order) -> bool:
    known = vars(order).get("under_review")
    return order.scans.filter(state=ScanState.WAITING).exists() if known is None else bool(known)


def list_entitlements(order: Order) -> list[Entitlement]:
    """Return the order's entitlements, one per line."""
    return list(Entitlement.objects.filter(order_line__order=order).order_by("pk"))


def get_waiting_scan(order: Order) -> PurchaseOrderScan | None:
    """Return the signed purchase order awaiting review, without its content; None if there is none."""
    return order.scans.filter(state=ScanState.WAITING).defer("content").first()


def list_refused_scans(order: Order) -> QuerySet[PurchaseOrderScan]:
    """Return the uploads that the operator refused, the latest first, without their content."""
    refused = order.scans.filter(state=ScanState.REFUSED).exclude(reason=REPLACED)
    return refused.defer("content").order_by("-decided_at", "-pk")


def describe_order_status(order: Order, at: datetime.datetime) -> list[str]:
    """Return the sentences that describe the order's step and its rights."""
    buyer = describe_unknown_buyer(order) if order.state == OrderState.IN_REVIEW else []
    return [_describe_step(order), *buyer, *_describe_rights(order, date_in_paris(at))]


def describe_unknown_buyer(order: Order) -> list[str]:
    """Return what there is to judge an order by: the buyer, their address, the school that they typed, the payer."""
    buyer = order.placed_by
    if buyer is None:
        return []
    typed = [
        f"« {one.name} », {' '.join(part for part in (one.address, one.postal_code, one.city) if part)}"
        for one in buyer.affiliations.filter(school__isnull=True).order_by("pk")
    ]
    is_confirmed = buyer.email in list_confirmed_addresses(buyer.pk)
    payer = f"Payeur : « {order.bill_name} », {order.bill_postal_code} {order.bill_city}"
    return [
        f"Acheteur : {buyer.get_full_name()}, {buyer.email} (adresse {'' if is_confirmed else 'non '}confirmée).",
        f"Établissement saisi à la main : {' ; '.join(typed)}." if typed else "Aucun établissement n'est indiqué.",
        f"{payer} ({', '.join(list_references(order)) or 'sans SIRET'}).",
    ]


def list_references(order: Order) -> list[str]:
    """Return the references of a public payer or a business that the order has, each with its name."""
    named = (
        ("SIRET", order.siret),
        ("SIREN", order.siren),
        ("service", order.service_code),
        ("engagement", order.engagement_number),
    )
    return [f"{name} {value}" for name, value in named if value]


_STEP_SENTENCES = {
    OrderState.GRANTED: "Dotation : rien n'est à régler.",
    OrderState.DRAFT: "En préparation : rien n'est commandé, aucun droit n'est ouvert.",
    OrderState.IN_REVIEW: (
        "Passée par un acheteur que rien ne rattache à un établissement de l'annuaire, pour plus de classes qu'il ne "
        "s'en ouvre sans vérification : aucun droit n'est ouvert. Ouvrez les droits, ou refusez la commande."
    ),
    OrderState.PLACED: "Le bon de commande signé est attendu, par la poste ou déposé par l'acheteur.",
    OrderState.LAPSED: (
        "Aucun bon de commande n'est venu : les droits ont pris fin, rien n'est supprimé. "
        "S'il arrive, confirmez la commande et tout reprend."
    ),
}
_SCAN_SENTENCE = (
    "L'acheteur a déposé un bon de commande signé : regardez-le, puis confirmez la commande, ce qui émet la facture, "
    "ou refusez le document."
)


def _describe_step(order: Order) -> str:
    if order.state in AWAITING_PURCHASE_ORDER and get_waiting_scan(order) is not None:
        return _SCAN_SENTENCE
    if order.state in _STEP_SENTENCES:
        return _STEP_SENTENCES[OrderState(order.state)]
    received = get_amount_received(order)
    if order.state == OrderState.CONFIRMED:
        return _describe_owed_order(order, received)
    if order.state == OrderState.PAID:
        return _describe_paid_order(order, received)
    owed = f" {euros(received)} reçus restent à rembourser{_describe_refund_deadline(order)}." if received > 0 else ""
    return f"Annulée. {order.cancellation_reason}{owed}".strip()


def _describe_owed_order(order: Order, received: Decimal) -> str:
    if redo := _describe_turned_down(order):
        return redo
    left = f" ; {euros(received)} reçus, {euros(order.owed - received)} restent à régler" if received else ""
    return f"Facturée, {euros(order.owed)} à régler{_describe_credited(order)}{left}."


def _describe_paid_order(order: Order, received: Decimal) -> str:
    if received < order.owed:
        return _describe_missing_credit(order, received)
    excess = received - order.owed
    surplus = f" Trop-perçu : {euros(excess)}, à rendre ou à reporter." if excess > 0 else ""
    redo = _describe_turned_down(order)
    due = f", pour {euros(order.owed)} dus{_describe_credited(order)}" if order.credited else ""
    return f"Réglée : {euros(received)} reçus{due}.{surplus}{f' {redo}' if redo else ''}"


def _describe_turned_down(order: Order) -> str:
    """Return what is to be done of an invoice that was turned down; empty if it was not."""
    turned_down = order.invoices.rejected().first()
    if turned_down is None:
        return ""
    return (
        f"La facture {turned_down} a été rejetée ou refusée : complétez les références si le motif les met en cause, "
        "puis refaites-la sous un nouveau numéro, depuis sa fiche."
    )


def _describe_credited(order: Order) -> str:
    """Return what partial credit notes took back of the price, in brackets; empty if there is none."""
    return f" ({euros(order.total_ttc)} moins {euros(order.credited)} d'avoir)" if order.credited else ""


def _describe_missing_credit(order: Order, received: Decimal) -> str:
    """Return what is to be decided on a paid order of which a part was refunded in the provider's dashboard."""
    return (
        f"Réglée, puis remboursée en partie chez le prestataire de paiement : {euros(received)} restent reçus sur "
        f"{euros(order.owed)} dus. Établissez l'avoir de {euros(order.owed - received)}, ou dites que le reste est dû."
    )


def _describe_refund_deadline(order: Order) -> str:
    """Return until when a consumer who withdrew is refunded; empty for the other cancelled orders."""
    withdrawal = ContractWithdrawal.objects.filter(order=order).first()
    return f", au plus tard le {long_date(get_refund_deadline(withdrawal.at))}" if withdrawal else ""


def _describe_rights(order: Order, today: datetime.date) -> list[str]:
    sentences = []
    for entitlement in list_entitlements(order):
        if not (entitlement.begun_on(today) or entitlement.over_on(today)):
            sentences.append(f"Licences utilisables en classe {describe_start(entitlement, today)}.")
        if entitlement.cancelled_at is not None:
            sentences.append("Droits arrêtés : les licences ne servent plus.")
        elif entitlement.over_on(today):
            sentences.append(
                f"L'année scolaire est finie : les licences allaient jusqu'au {long_date(entitlement.last_day)}."
            )
        elif entitlement.suspended_at is not None:
            sentences.append(
                f"Droits suspendus le {long_date(date_in_paris(entitlement.suspended_at))}"
                f"{_describe_cause(entitlement)} : rien ne sert."
            )
        elif entitlement.provisional_until is not None:
            sentences.append(_describe_countdown(entitlement.provisional_until, today))
        elif entitlement.unpaid_until is not None and order.state == OrderState.PLACED:
            sentences.append(
                "Le compte à rebours est arrêté le temps que vous regardiez. "
                f"{describe_refusal_effect(entitlement.unpaid_until, today)}"
            )
        elif entitlement.unpaid_until is not None:
            sentences.append(_describe_awaited_payment(entitlement.unpaid_until, today))
        else:
            sentences.append(f"Droits fermes jusqu'au {long_date(entitlement.last_day)} inclus.")
    return sentences


def _describe_cause(entitlement: Entitlement) -> str:
    """Return the cause of a suspension in brackets, after a space; empty where there is none."""
    cause = entitlement.get_suspension_cause_display()
    return f" ({cause.lower()})" if cause else ""


def _describe_countdown(until: datetime.date, today: datetime.date) -> str:
    if until < today:
        return (
            f"Les droits temporaires ont pris fin le {long_date(until)} : rien ne sert tant que le bon de commande"
            " signé, ou le règlement, n'est pas venu."
        )
    left = (until - today).days
    return (
        f"Droits temporaires jusqu'au {long_date(until)} inclus "
        f"({f'plus que {pluralize(left, "jour")}' if left else 'dernier jour'}) ; ils s'arrêtent d'eux-mêmes."
    )


def describe_refusal_effect(until: datetime.date, today: datetime.date) -> str:
    """Return what refusing the document under review does to rights that run until `until`."""
    if until >= today:
        return f"Refuser le document fait reprendre le compte à rebours, jusqu'au {long_date(until)}."
    return (
        f"Refuser le document arrête les droits aussitôt : ils allaient jusqu'au {long_date(until)}. Pour laisser le"
        " temps d'un autre envoi, prolongez-les d'abord."
    )


def _describe_awaited_payment(until: datetime.date, today: datetime.date) -> str:
    if until < today:
        return (
            f"Les droits étaient ouverts jusqu'au {long_date(until)} dans l'attente du règlement. Ils courent toujours"
            " : à vous de les suspendre, ou de les prolonger."
        )
    return (
        f"Droits ouverts jusqu'au {long_date(until)} dans l'attente du règlement ; passé ce jour, à vous de les"
        " suspendre ou de les prolonger."
    )
