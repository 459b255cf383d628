"""What an order opens, and for how long: rights follow money without anybody's hand.

The rights of an order are its sources, one a line: what may be used is read from them by everybody, at every moment,
so that a date here stops or restores sixty thousand keys at once and nothing is ever deleted. Called by `operations`,
which have locked the order, in the transaction that changes its state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, Value
from django.db.models.functions import Coalesce, Least
from django_tenants.utils import tenant_context

from collectivities import audit
from licensing.catalogue.operations import day_in_france
from licensing.pools.models import Pool
from licensing.subscriptions.crediting import credit
from licensing.subscriptions.models import Source
from web import typography

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet

    from accounts.models import User
    from licensing.orders.models import Order, OrderLine


def open_(order: Order, *, until: datetime.date | None, by: User | None, at: datetime.datetime) -> None:
    """Open what each line of the order credits: a lot for a collectivity, a subscription for a buyer of the shop.

    `until`: the last day of the provisional rights; None where it is paid, and the rights firm at once. Opened once:
    the database refuses a second source for a line.
    """
    for line in order.lines.select_related("product", "school_year").order_by("pk"):
        last_day = line.school_year.ends_on
        source = Source.objects.create(
            order_line=line,
            collectivity=order.collectivity,
            product=line.product,
            last_day=last_day,
            provisional_until=None if until is None else min(until, last_day),
        )
        if order.collectivity is not None:
            _open_lot(order, line, source, by=by, at=at)
        else:
            _credit_buyer(order, line, source, at=at)


def await_payment(order: Order, *, until: datetime.date, at: datetime.datetime) -> None:  # noqa: ARG001 - as its neighbours
    """Let the rights run, for want of a payment and no longer of a purchase order: nothing stops by itself any more.

    `until`: the day that people are shown, and past which the operator is asked. What the operator suspended stays so.
    """
    _sources(order).update(provisional_until=None, unpaid_until=Least(Value(until), F("last_day")))


def count_down(order: Order, *, until: datetime.date, at: datetime.datetime) -> None:  # noqa: ARG001 - as its neighbours
    """Have the rights stop by themselves the day after `until`: the purchase order is awaited, or awaited again."""
    _sources(order).update(provisional_until=Least(Value(until), F("last_day")), unpaid_until=None)


def make_firm(order: Order, *, at: datetime.datetime) -> None:  # noqa: ARG001 - as its neighbours
    """Give back at once whatever was waiting or had stopped: the order is paid."""
    _sources(order).update(provisional_until=None, unpaid_until=None, suspended_at=None)


def stood_still(order: Order, *, at: datetime.datetime) -> bool:
    """Return whether what the order opened cannot be used at that moment, and could be again."""
    return any(source.suspended_on(day_in_france(at)) for source in _sources(order))


def withdraw(order: Order, *, at: datetime.datetime) -> None:
    """Stop all that the order opened: it was cancelled. Nothing is deleted; the books and the classes stay."""
    _sources(order).update(suspended_at=Coalesce("suspended_at", Value(at)), cancelled_at=at)


def _sources(order: Order) -> QuerySet[Source]:
    return Source.objects.filter(order_line__order=order)


def _open_lot(order: Order, line: OrderLine, source: Source, *, by: User | None, at: datetime.datetime) -> None:
    """Open the lot in the schema of the collectivity that bought it."""
    with tenant_context(order.collectivity):
        pool = Pool.objects.create(
            source=source,
            name=f"Achat {line.school_year} (commande n° {order.pk})",
            capacity=line.quantity,
            opened_at=at,
        )
        runs = (
            f"jusqu'au {typography.day(source.last_day)} inclus"
            if source.provisional_until is None
            else f"droits temporaires jusqu'au {typography.day(source.provisional_until)} inclus, dans l'attente du "
            f"bon de commande, puis jusqu'au {typography.day(source.last_day)}"
        )
        audit.record(
            action="pools.opened",
            by=by,
            at=at,
            object_type="pool",
            object_id=pool.pk,
            summary=f"Lot « {pool.name} » ouvert : {typography.plural(line.quantity, 'licence')}, {runs}.",
        )


def _credit_buyer(order: Order, line: OrderLine, source: Source, *, at: datetime.datetime) -> None:
    buyer = order.placed_by
    if buyer is None:
        raise ValueError(f"Order {order.pk} of the shop has no buyer.")
    # Who has left the school since he began the order keeps what he bought, for no school.
    affiliation = None if order.school_id is None else buyer.affiliations.filter(school=order.school_id).first()
    credit(source=source, buyer=buyer, affiliation=affiliation, units=line.quantity, at=at)
