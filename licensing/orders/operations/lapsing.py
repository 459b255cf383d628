"""The countdown: reminders while the purchase order is awaited, then the lapse. By the clock, without anybody's hand.

The rights themselves stop by their date, at midnight, whatever runs or does not: what stands here says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F

from licensing.catalogue.operations import day_in_france
from licensing.orders.models import Order, OrderReminder, OrderState
from licensing.orders.operations import journal, telling
from licensing.orders.operations.locking import locked
from licensing.orders.operations.placing import PROVISIONAL_DAYS

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet

    #: An order with its `ends`, which the stubs cannot name across functions.
    type CountingDown = Any

#: Days after the order on which its buyer is reminded; where the rights were prolonged or cut short, as many days
#: before they end.
REMINDER_DAYS = (30, 40, 44)


def remind_and_lapse(at: datetime.datetime) -> tuple[int, int]:
    """Send the reminders that are due and lapse what ran out; return how many of each.

    Done late, it sends the latest reminder alone; done twice or by two workers at once, nothing twice.
    """
    today = day_in_france(at)
    ran_out = _counting_down().filter(ends__lt=today).values_list("pk", flat=True)
    lapsed = sum(_lapse(order_id, at) for order_id in list(ran_out))
    reminded = 0
    for order_id, ends in list(_counting_down().filter(ends__gte=today).values_list("pk", "ends")):
        due = [day for day in REMINDER_DAYS if (ends - today).days <= PROVISIONAL_DAYS - day]
        if due:
            reminded += _remind(order_id, due, at)
    return reminded, lapsed


def _counting_down() -> QuerySet[CountingDown]:
    """Return the orders whose purchase order is awaited: a scan that waits to be looked at has stopped the clock."""
    return (
        Order.objects.filter(state=OrderState.PLACED, lines__source__provisional_until__isnull=False)
        .annotate(ends=F("lines__source__provisional_until"))
        .order_by("pk")
    )


@transaction.atomic
def _remind(order_id: int, due: list[int], at: datetime.datetime) -> int:
    order = locked(order_id)
    if not _counting_down().filter(pk=order_id).exists():
        return 0
    told = set(order.reminders.values_list("day", flat=True))
    if due[-1] in told:
        return 0
    OrderReminder.objects.bulk_create(OrderReminder(order=order, day=day, sent_at=at) for day in due if day not in told)
    journal.record(order, "reminded", f"rappel du {due[-1]}e jour envoyé à l'acheteur.", by=None, at=at)
    telling.tell_buyer(order, telling.REMINDER, at=at, day=due[-1])
    return 1


@transaction.atomic
def _lapse(order_id: int, at: datetime.datetime) -> int:
    order = locked(order_id)
    if not _counting_down().filter(pk=order_id, ends__lt=day_in_france(at)).exists():
        return 0
    order.state, order.lapsed_at = OrderState.LAPSED, at
    order.save(update_fields=["state", "lapsed_at"])
    journal.record(
        order,
        "lapsed",
        "aucun bon de commande signé reçu : les droits temporaires ont pris fin. Rien n'est supprimé.",
        by=None,
        at=at,
    )
    telling.tell_buyer(order, telling.LAPSED, at=at)
    return 1
