"""The countdown: reminders while the purchase order is awaited, then the lapse. By the clock, without anybody's hand.

The rights themselves stop by their date, at midnight, whatever runs or does not: what stands here says so.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce

from licensing.catalogue.operations import day_in_france
from licensing.orders.models import Order, OrderEvent, OrderReminder, OrderState
from licensing.orders.operations import journal, telling
from licensing.orders.operations.locking import locked
from licensing.orders.operations.placing import PROVISIONAL_DAYS

if TYPE_CHECKING:
    from django.db.models import QuerySet

    #: An order with what `_counting_down` adds to it, which the stubs cannot name across functions.
    type CountingDown = Any

#: Days after the order on which its buyer is reminded; where the rights were prolonged or cut short, as many days
#: before they end.
REMINDER_DAYS = (30, 40, 44)
#: Steps whose letter says until when the rights run: a reminder that was due by then would say it twice.
_TOLD = ("placed", "prolonged", "scan_refused")


def remind_and_lapse(at: datetime.datetime) -> tuple[int, int]:
    """Send the reminders that are due and lapse what ran out; return how many of each.

    Done late, it sends the latest reminder alone; done twice or by two workers at once, nothing twice. An order that
    cannot be dealt with does not keep the others waiting: what went wrong is raised at the end, as an exception group.
    """
    today = day_in_france(at)
    ran_out = list(_counting_down().filter(ends__lt=today).values_list("pk", flat=True))
    soon = _counting_down().filter(ends__range=(today, today + datetime.timedelta(days=_left_at(REMINDER_DAYS[0]))))
    to_remind = [order.pk for order in soon if _due(order, today)]
    failures: list[Exception] = []
    done = []
    for step, numbers in ((_remind, to_remind), (_lapse, ran_out)):
        count = 0
        for order_id in numbers:
            try:
                count += step(order_id, at)
            except Exception as failure:  # noqa: BLE001 - raised below
                failures.append(failure)
        done.append(count)
    if failures:
        raise ExceptionGroup("Orders whose countdown could not go on", failures)
    return done[0], done[1]


def lapse(order: Order, *, at: datetime.datetime) -> bool:
    """Lapse an order, which the caller has locked, where its provisional rights have run out; return whether it was.

    They stopped at midnight; whoever comes between midnight and the next round finds the order as that round will.
    """
    if order.state != OrderState.PLACED:
        return False
    until = order.lines.select_related("source").get().source.provisional_until
    if until is None or until >= day_in_france(at):
        return False
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
    return True


def _left_at(day: int) -> int:
    """Return how many days are left on the day of a reminder."""
    return PROVISIONAL_DAYS - day


def _counting_down() -> QuerySet[CountingDown]:
    """Return the orders whose purchase order is awaited: a scan that waits to be looked at has stopped the clock."""
    told = OrderEvent.objects.filter(order=OuterRef("pk"), action__in=_TOLD).order_by("-at", "-pk")
    return (
        Order.objects.filter(state=OrderState.PLACED, lines__source__provisional_until__isnull=False)
        .annotate(
            ends=F("lines__source__provisional_until"),
            told_at=Coalesce(Subquery(told.values("at")[:1]), F("placed_at")),
            reminded=ArraySubquery(OrderReminder.objects.filter(order=OuterRef("pk")).values("day")),
        )
        .order_by("pk")
    )


def _due(order: CountingDown, today: datetime.date) -> list[int]:
    """Return the reminders that are due and were not sent, the latest last."""
    left, whole = (order.ends - today).days, (order.ends - day_in_france(order.told_at)).days
    after = max(order.reminded, default=0)
    return [day for day in REMINDER_DAYS if day > after and left <= _left_at(day) < whole]


@transaction.atomic
def _remind(order_id: int, at: datetime.datetime) -> int:
    locked(order_id)
    order = _counting_down().filter(pk=order_id, ends__gte=day_in_france(at)).first()
    due = _due(order, day_in_france(at)) if order is not None else []
    if order is None or not due:
        return 0
    OrderReminder.objects.bulk_create(OrderReminder(order=order, day=day, sent_at=at) for day in due)
    journal.record(order, "reminded", f"rappel du {due[-1]}e jour envoyé à l'acheteur.", by=None, at=at)
    telling.tell_buyer(order, telling.REMINDER, at=at, day=due[-1])
    return 1


@transaction.atomic
def _lapse(order_id: int, at: datetime.datetime) -> int:
    return int(lapse(locked(order_id), at=at))
