"""Statuses of invoices on Chorus Pro or an approved platform, as recorded by the operator.

Append-only. A rejected invoice is replaced by `reissue_invoice`: a credit note, and an invoice under a new number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from licensing.billing.exceptions import BadStatus
from licensing.billing.models import REJECTED_STATES, Invoice, PlatformState, PlatformStatus
from licensing.orders.exceptions import NoReason
from licensing.orders.operations import order_events
from licensing.orders.operations.locks import lock_order

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from accounts.models import User

# Allowed transitions: steps may be skipped, never reverted; only a new invoice follows a rejection.
_TRANSITIONS: dict[str, frozenset[PlatformState]] = {
    "": frozenset(PlatformState),
    PlatformState.DEPOSITED: frozenset(PlatformState) - {PlatformState.DEPOSITED},
    PlatformState.RECEIVED: frozenset({PlatformState.APPROVED, PlatformState.IN_PAYMENT}) | REJECTED_STATES,
    PlatformState.APPROVED: frozenset({PlatformState.IN_PAYMENT, PlatformState.REFUSED}),
    PlatformState.IN_PAYMENT: frozenset(),
    PlatformState.REJECTED: frozenset(),
    PlatformState.REFUSED: frozenset(),
}


def list_next_states(state: str) -> frozenset[PlatformState]:
    """Return the states allowed after this one; all of them when there is none yet."""
    return _TRANSITIONS[state]


@transaction.atomic
def record_platform_status(
    *, invoice_id: int, state: str, reason: str = "", by: User | None, at: datetime.datetime
) -> PlatformStatus:
    """Record the status of an invoice or credit note on its platform; return it. Idempotent.

    Raises `NoReason` for a rejection without a reason, or `BadStatus` for a transition that is not allowed.
    """
    new_state, reason = PlatformState(state), " ".join(reason.split())
    order = lock_order(Invoice.objects.values_list("order_id", flat=True).get(pk=invoice_id))
    invoice = Invoice.objects.defer("xml", "snapshot").get(pk=invoice_id)
    last = invoice.get_latest_status()
    if last is not None and last.state == new_state:
        return last
    if new_state in REJECTED_STATES and not reason:
        raise NoReason("Recopiez le motif que donne la plateforme : il dit ce qu'il faut corriger.")
    if new_state not in _TRANSITIONS[last.state if last else ""]:
        raise BadStatus(
            f"{invoice.number} est déjà « {last.get_state_display() if last else ''} » : "
            f"elle ne peut plus être « {new_state.label} »."
        )
    status = PlatformStatus.objects.create(invoice=invoice, state=new_state, reason=reason, at=at, by=by)
    suffix = f" : {reason}" if reason else "."
    summary = f"{invoice.get_kind_display()} {invoice.number} – {new_state.label.lower()}{suffix}"
    order_events.record(order, f"platform_{new_state}", summary, by=by, at=at)
    return status


@transaction.atomic
def record_deposit(*, invoice_ids: Collection[int], by: User, at: datetime.datetime) -> int:
    """Record a batch of invoices as deposited; return how many had no status yet."""
    waiting = Invoice.objects.filter(pk__in=invoice_ids, statuses__isnull=True)
    # Lock order: orders by primary key.
    numbers = list(waiting.order_by("order_id", "pk").values_list("pk", flat=True))
    for number in numbers:
        record_platform_status(invoice_id=number, state=PlatformState.DEPOSITED, by=by, at=at)
    return len(numbers)
