"""The rights that an order opens, and for how long. They follow the order's state.

The rights of an order are its entitlements, one per line. Everything reads validity from them, so that one date stops
or restores sixty thousand keys at once, and nothing is deleted. Called by `operations`, which hold the order's lock, in
the transaction that changes its state.
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
    """Create the entitlement of each line: with a pool for a collectivity, with a subscription for a shop buyer.

    `until`: the last day of the provisional rights; None if the order is paid and its rights firm at once. The database
    rejects a second entitlement for a line.
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
            _open_pool(order, line, source, by=by, at=at)
        else:
            _credit_buyer(order, line, source, at=at)


def await_payment(order: Order, *, until: datetime.date, at: datetime.datetime) -> None:  # noqa: ARG001 - as its neighbours
    """Stop the countdown: the purchase order was received and the payment is awaited, so no right ends by itself.

    `until`: the day shown to users, after which the operator decides. A suspension stays in force.
    """
    _entitlements(order).update(provisional_until=None, unpaid_until=Least(Value(until), F("last_day")))


def count_down(order: Order, *, until: datetime.date, at: datetime.datetime) -> None:  # noqa: ARG001 - as its neighbours
    """Start the countdown: the rights end the day after `until` unless the purchase order is received."""
    _entitlements(order).update(provisional_until=Least(Value(until), F("last_day")), unpaid_until=None)


def make_firm(order: Order, *, at: datetime.datetime) -> None:  # noqa: ARG001 - as its neighbours
    """Make the rights of a paid order firm, and lift any suspension."""
    _entitlements(order).update(provisional_until=None, unpaid_until=None, suspended_at=None)


def stood_still(order: Order, *, at: datetime.datetime) -> bool:
    """Return whether the order's rights are suspended at `at`, and may resume."""
    return any(source.suspended_on(day_in_france(at)) for source in _entitlements(order))


def withdraw(order: Order, *, at: datetime.datetime) -> None:
    """End the rights of a cancelled order. Nothing is deleted: accounting rows and classes stay."""
    _entitlements(order).update(suspended_at=Coalesce("suspended_at", Value(at)), cancelled_at=at)


def _entitlements(order: Order) -> QuerySet[Source]:
    return Source.objects.filter(order_line__order=order)


def _open_pool(order: Order, line: OrderLine, source: Source, *, by: User | None, at: datetime.datetime) -> None:
    """Create the pool in the schema of the collectivity."""
    with tenant_context(order.collectivity):
        pool = Pool.objects.create(
            source=source,
            name=f"Achat {line.school_year} (commande n° {order.pk})",
            capacity=line.quantity,
            opened_at=at,
        )
        validity = (
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
            summary=f"Lot « {pool.name} » ouvert : {typography.plural(line.quantity, 'licence')}, {validity}.",
        )


def _credit_buyer(order: Order, line: OrderLine, source: Source, *, at: datetime.datetime) -> None:
    buyer = order.placed_by
    if buyer is None:
        raise ValueError(f"Order {order.pk} of the shop has no buyer.")
    # A buyer who has left the school since the draft keeps the purchase, without a school.
    affiliation = None if order.school_id is None else buyer.affiliations.filter(school=order.school_id).first()
    credit(source=source, buyer=buyer, affiliation=affiliation, units=line.quantity, at=at)
