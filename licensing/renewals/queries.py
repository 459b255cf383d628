"""Where the renewal of a school year stands. Read-only."""

from __future__ import annotations

import datetime

from licensing.catalogue.operations import get_last_day
from licensing.orders.models import Order, OrderState
from licensing.renewals.models import Renewal, RenewalApplication, RenewalOrder, RenewalState

#: The month whose first day opens the renewal of the running year.
_APRIL = 4


def get_renewed_year(day: datetime.date) -> int:
    """Return the school year that is prepared on a day: the next, by the year in which it ends."""
    return get_last_day(day).year + 1


def get_opening_day(year: int) -> datetime.date:
    """Return from when the renewal for a school year is open: 1 April of the year before it."""
    return datetime.date(year - 1, _APRIL, 1)


def is_open(day: datetime.date) -> bool:
    """Whether a renewal is prepared on a day: from 1 April to 31 August."""
    return day >= get_opening_day(get_renewed_year(day))


def find_renewal(year: int) -> Renewal | None:
    """Return the decision on a school year, None where nobody edited, declined or ordered yet. One query."""
    return Renewal.objects.filter(school_year=year).first()


def find_order(renewal: Renewal | None) -> Order | None:
    """Return the order that the list was turned into, None without one or once it was cancelled. Two queries."""
    if renewal is None:
        return None
    current = list(RenewalOrder.objects.filter(renewal=renewal, replaced_at=None).values_list("order_id", flat=True))
    return Order.objects.filter(pk__in=current).exclude(state=OrderState.CANCELLED).order_by("pk").first()


def find_application(renewal: Renewal | None) -> RenewalApplication | None:
    """Return how the list was given to the schools, None where it was not, or that was undone. One query."""
    if renewal is None:
        return None
    return RenewalApplication.objects.filter(renewal=renewal, undone_at=None).first()


def find_state(year: int) -> RenewalState:
    """Return where the renewal of a school year stands. Four queries at most."""
    renewal = find_renewal(year)
    return derive_state(renewal, find_order(renewal), find_application(renewal))


def derive_state(renewal: Renewal | None, order: Order | None, application: RenewalApplication | None) -> RenewalState:
    """Return the state of a renewal with what was found of it."""
    if application is not None:
        return RenewalState.APPLIED
    if order is not None:
        return RenewalState.QUOTED if order.state == OrderState.DRAFT else RenewalState.ORDERED
    if renewal is not None and renewal.declined_at is not None:
        return RenewalState.DECLINED
    return RenewalState.OPEN


def list_years(day: datetime.date) -> list[int]:
    """Return the school years whose renewal may be changed on a day, the one to show first.

    The next year from 1 April on. Before, the running year, for a list that was not given to the schools in time.
    """
    upcoming = get_renewed_year(day)
    if is_open(day):
        return [upcoming]
    return [upcoming - 1] if Renewal.objects.filter(school_year=upcoming - 1).exists() else []
