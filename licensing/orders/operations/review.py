"""The operator's look at large orders of buyers who are not known, before any right opens.

The guide's 45 days at once hold for the directory's schools and for collectivities: whoever typed a school by hand,
with an address that is no school's, could otherwise open any number of classes for nothing.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Lower

from accounts.models import User
from accounts.queries import list_confirmed_addresses
from core.calendar import date_in_paris
from licensing.orders import rights
from licensing.orders.exceptions import NotInThisState
from licensing.orders.models import Order, OrderKind, OrderLine, OrderState, ScanState
from licensing.orders.operations import notifications, order_events
from licensing.orders.operations.locks import lock_order
from schools.models import Affiliation, School

#: Licences that an unknown buyer's unpaid orders open at once, together: the first two tiers of the guide.
MAX_UNREVIEWED_LICENCES = 5
#: States of an order that was placed, and whose purchase order did not come yet.
_UNSIGNED = (OrderState.PLACED, OrderState.LAPSED, OrderState.IN_REVIEW)


def needs_review(order: Order) -> bool:
    """Return whether the operator looks at the order before its rights open, if it is placed without being paid.

    Counts the buyer's other unsigned orders: five small ones are as much as a large one.
    """
    if order.kind != OrderKind.SHOP or order.school_id is not None:
        return False
    of_buyer = Order.objects.filter(
        kind=OrderKind.SHOP, placed_by=order.placed_by_id, school__isnull=True, state__in=_UNSIGNED
    ).exclude(pk=order.pk)
    others = OrderLine.objects.filter(order__in=of_buyer).aggregate(total=Sum("quantity"))["total"] or 0
    own = OrderLine.objects.filter(order=order).aggregate(total=Sum("quantity"))["total"] or 0
    return others + own > MAX_UNREVIEWED_LICENCES and not is_known_buyer(order.placed_by_id)


def is_known_buyer(user_id: int | None) -> bool:
    """Return whether the account leads a school, as verified, or its confirmed address is a school's official one."""
    if Affiliation.objects.filter(user=user_id, verified_at__isnull=False).exists():
        return True
    addresses = [address.lower() for address in list_confirmed_addresses(user_id)]
    # Without an index, some 30 ms on the national directory: only for a large order of a school typed by hand.
    official = School.objects.filter(closed_at__isnull=True).alias(mailbox=Lower("email"))
    return bool(addresses) and official.filter(mailbox__in=addresses).exists()


@transaction.atomic
def open_reviewed_order(*, order_id: int, by: User, at: datetime.datetime) -> Order:
    """Open the provisional rights of an order that the operator looked at; return it.

    Their 45 days begin now; no countdown runs while a signed purchase order waits to be checked. Idempotent. Raises
    `NotInThisState`.
    """
    order = lock_order(order_id)
    if order.state == OrderState.PLACED:
        return order
    if order.state != OrderState.IN_REVIEW:
        raise NotInThisState(f"{order} : {order.get_state_display().lower()}. Il n'y a pas de droits à ouvrir.")
    if order.lines.filter(school_year__ends_on__lt=date_in_paris(at)).exists():
        raise NotInThisState("L'année scolaire de ces licences est terminée : refusez cette commande.")
    order.state = OrderState.PLACED
    order.save(update_fields=["state"])
    until = rights.open_provisional_rights(order, by=by, at=at)
    if order.scans.filter(state=ScanState.WAITING).exists():
        rights.await_payment(order, until=until)
    summary = f"commande vérifiée, {rights.describe_provisional_rights(order, date_in_paris(at))}"
    order_events.record(order, "rights_opened", summary, by=by, at=at)
    notifications.notify_buyer(order, notifications.RIGHTS_OPENED, at=at)
    return order
