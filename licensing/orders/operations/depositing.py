"""Where an invoice is on Chorus Pro or an approved platform, as the operator finds it there.

Appended, never changed. An invoice that was turned down is replaced by `reinvoice`: a credit note, and a new number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from licensing.orders.exceptions import NoReason
from licensing.orders.invoicing.exceptions import BadStatus
from licensing.orders.models import TURNED_DOWN, Invoice, PlatformState, PlatformStatus
from licensing.orders.operations import journal
from licensing.orders.operations.locking import locked

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from accounts.models import User

# What may come after what: a step may be left out, none is taken back. Nothing follows a refusal but a new invoice.
_AFTER: dict[str, frozenset[PlatformState]] = {
    "": frozenset(PlatformState),
    PlatformState.DEPOSITED: frozenset(PlatformState) - {PlatformState.DEPOSITED},
    PlatformState.RECEIVED: frozenset({PlatformState.APPROVED, PlatformState.IN_PAYMENT}) | TURNED_DOWN,
    PlatformState.APPROVED: frozenset({PlatformState.IN_PAYMENT, PlatformState.REFUSED}),
    PlatformState.IN_PAYMENT: frozenset(),
    PlatformState.REJECTED: frozenset(),
    PlatformState.REFUSED: frozenset(),
}


def follows(state: str) -> frozenset[PlatformState]:
    """Return what may come after a state; after nothing, anything."""
    return _AFTER[state]


@transaction.atomic
def record_status(
    *, invoice_id: int, state: str, reason: str = "", by: User | None, at: datetime.datetime
) -> PlatformStatus:
    """Record where an invoice or a credit note is on its platform; return the status. Twice is the same as once.

    Raises `NoReason` where it was turned down and nobody says why, or `BadStatus` where this cannot come next.
    """
    found, reason = PlatformState(state), " ".join(reason.split())
    order = locked(Invoice.objects.values_list("order_id", flat=True).get(pk=invoice_id))
    invoice = Invoice.objects.defer("xml", "facts").get(pk=invoice_id)
    last = invoice.statuses.order_by("pk").last()
    if last is not None and last.state == found:
        return last
    if found in TURNED_DOWN and not reason:
        raise NoReason("Recopiez le motif que donne la plateforme : il dit ce qu'il faut corriger.")
    if found not in _AFTER[last.state if last else ""]:
        raise BadStatus(
            f"{invoice.number} est déjà « {last.get_state_display() if last else ''} » : "
            f"elle ne peut plus être « {found.label} »."
        )
    status = PlatformStatus.objects.create(invoice=invoice, state=found, reason=reason, at=at, by=by)
    because = f" : {reason}" if reason else "."
    summary = f"{invoice.get_kind_display()} {invoice.number} – {found.label.lower()}{because}"
    journal.record(order, f"platform_{found}", summary, by=by, at=at)
    return status


@transaction.atomic
def record_deposit(*, invoice_ids: Collection[int], by: User, at: datetime.datetime) -> int:
    """Record that all of a batch was deposited; return of how many that was news."""
    waiting = Invoice.objects.filter(pk__in=invoice_ids, statuses__isnull=True)
    # In the order of their orders, as whoever locks several must.
    numbers = list(waiting.order_by("order_id", "pk").values_list("pk", flat=True))
    for number in numbers:
        record_status(invoice_id=number, state=PlatformState.DEPOSITED, by=by, at=at)
    return len(numbers)
