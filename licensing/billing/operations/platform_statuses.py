"""Statuses of invoices on Chorus Pro or an approved platform, as recorded by the operator.

Append-only: a status recorded by mistake is taken back by another row. A rejected invoice is replaced by
`reissue_invoice`: a credit note, and an invoice under a new number.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django.db import transaction

from accounts.models import User
from licensing.billing.exceptions import BadStatus
from licensing.billing.invoicing import list_undeposited
from licensing.billing.models import (
    REASONED_STATES,
    REJECTED_STATES,
    Invoice,
    InvoiceKind,
    PlatformState,
    PlatformStatus,
)
from licensing.orders.exceptions import NoReason
from licensing.orders.models import OrderState
from licensing.orders.operations import order_events
from licensing.orders.operations.locks import lock_order

_ANY = frozenset(PlatformState) - {PlatformState.COMPLETED}
# Allowed transitions: steps may be skipped, never reverted; only a new invoice follows a rejection. A completed invoice
# goes on from where it was when it was suspended.
_TRANSITIONS: dict[str, frozenset[PlatformState]] = {
    "": _ANY,
    PlatformState.DEPOSITED: _ANY - {PlatformState.DEPOSITED},
    PlatformState.RECEIVED: _ANY - {PlatformState.DEPOSITED, PlatformState.RECEIVED},
    PlatformState.APPROVED: frozenset(
        {
            PlatformState.IN_PAYMENT,
            PlatformState.COLLECTED,
            PlatformState.DISPUTED,
            PlatformState.REFUSED,
            PlatformState.SUSPENDED,
        }
    ),
    # Settled between buyer and seller, or given up.
    PlatformState.DISPUTED: _ANY - {PlatformState.DEPOSITED, PlatformState.RECEIVED, PlatformState.DISPUTED},
    PlatformState.IN_PAYMENT: frozenset({PlatformState.COLLECTED}),
    PlatformState.SUSPENDED: REJECTED_STATES | {PlatformState.COMPLETED},
    # Addressed anew on Chorus Pro, it is deposited again under its number.
    PlatformState.TO_RECYCLE: REJECTED_STATES | {PlatformState.DEPOSITED},
    PlatformState.COLLECTED: frozenset(),
    PlatformState.REJECTED: frozenset(),
    PlatformState.REFUSED: frozenset(),
}


def list_next_states(invoice: Invoice) -> frozenset[PlatformState]:
    """Return the states that may follow the invoice's latest one; nearly all when there is none yet."""
    statuses = PlatformStatus.objects.effective().filter(invoice=invoice)
    states = list(statuses.in_order().values_list("state", flat=True))
    while states and states[-1] == PlatformState.COMPLETED:
        # It completes the suspension just before.
        del states[-2:]
    return _TRANSITIONS[states[-1] if states else ""]


@transaction.atomic
def record_platform_status(
    *, invoice_id: int, state: str, reason: str = "", by: User | None, at: datetime.datetime
) -> PlatformStatus:
    """Record the status of an invoice or credit note on its platform; return it. Idempotent.

    Raises `NoReason` where the state needs one, or `BadStatus` for a transition that is not allowed, or for an invoice
    « encaissée » that is not paid.
    """
    new_state, reason = PlatformState(state), " ".join(reason.split())
    order = lock_order(Invoice.objects.values_list("order_id", flat=True).get(pk=invoice_id))
    invoice = Invoice.objects.defer("xml", "snapshot").get(pk=invoice_id)
    last = invoice.get_latest_status()
    if last is not None and last.state == new_state:
        return last
    if new_state in REASONED_STATES and not reason:
        raise NoReason("Recopiez le motif que donne la plateforme : il dit ce qu'il faut corriger.")
    if new_state not in list_next_states(invoice):
        raise BadStatus(
            f"{invoice.number} {f'est « {last.get_state_display()} »' if last else 'n’a pas encore d’état'} : "
            f"elle ne peut pas être « {new_state.label} »."
        )
    if new_state == PlatformState.COLLECTED and not (
        invoice.kind == InvoiceKind.INVOICE and order.state == OrderState.PAID
    ):
        raise BadStatus(f"{invoice.number} n'est pas réglée : enregistrez d'abord son règlement.")
    status = PlatformStatus.objects.create(invoice=invoice, state=new_state, reason=reason, at=at, by=by)
    suffix = f" : {reason}" if reason else "."
    summary = f"{invoice.get_kind_display()} {invoice.number} – {new_state.label.lower()}{suffix}"
    order_events.record(order, f"platform_{new_state}", summary, by=by, at=at)
    return status


@transaction.atomic
def take_back_platform_status(*, status_id: int, reason: str, by: User, at: datetime.datetime) -> PlatformStatus:
    """Take back the latest status of an invoice, recorded by mistake; return the row that does. Idempotent.

    The invoice is then as it was before. Raises `NoReason`, or `BadStatus` if another status followed, or if the
    invoice was cancelled since.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise NoReason("Dites pourquoi cet état est repris : il reste dans l'historique, avec ce motif.")
    order = lock_order(PlatformStatus.objects.values_list("invoice__order_id", flat=True).get(pk=status_id))
    status = (
        PlatformStatus.objects.select_related("invoice").defer("invoice__xml", "invoice__snapshot").get(pk=status_id)
    )
    known = PlatformStatus.objects.filter(takes_back=status).first()
    if known is not None:
        return known
    invoice = status.invoice
    if invoice.get_latest_status() != status:
        raise BadStatus(f"{invoice.number} : seul son dernier état se reprend.")
    if status.state in REJECTED_STATES and invoice.get_cancelling_note() is not None:
        raise BadStatus(f"{invoice.number} est annulée par un avoir depuis ce rejet : il ne se reprend plus.")
    taking_back = PlatformStatus.objects.create(
        invoice=invoice, state=status.state, reason=reason, takes_back=status, at=at, by=by
    )
    summary = (
        f"{invoice.get_kind_display()} {invoice.number} – état « {status.get_state_display().lower()} » repris, noté "
        f"par erreur : {reason}"
    )
    order_events.record(order, "platform_taken_back", summary, by=by, at=at)
    return taking_back


@transaction.atomic
def record_deposit(*, invoice_ids: Collection[int], by: User, at: datetime.datetime) -> int:
    """Record a batch of invoices as deposited; return how many were to be deposited still."""
    recorded = 0
    # Lock order: orders by primary key.
    waiting = list_undeposited().filter(pk__in=invoice_ids).order_by("order_id", "pk")
    for invoice_id, order_id in list(waiting.values_list("pk", "order_id")):
        lock_order(order_id)
        # Looked at again under the lock: it may be on its way to the platform by now.
        if list_undeposited().filter(pk=invoice_id).exists():
            record_platform_status(invoice_id=invoice_id, state=PlatformState.DEPOSITED, by=by, at=at)
            recorded += 1
    return recorded
