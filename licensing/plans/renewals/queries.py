"""Where the renewal of a school year stands. Read-only."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from django.db.models import Q

from licensing.catalogue.operations import get_last_day
from licensing.entitlements.office_keys import find_entitlements
from licensing.entitlements.queries import ends_in_school_year
from licensing.orders.models import Order, OrderLine, OrderState
from licensing.plans.renewals.models import (
    EDITABLE_STATES,
    Renewal,
    RenewalApplication,
    RenewalLine,
    RenewalOrder,
    RenewalState,
)
from licensing.plans.renewals.proposal import SchoolUse, list_school_uses, propose
from licensing.pools.models import Pool
from schools.wording import format_school_name

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


#: States in which the list is the one that was ordered: it follows the year's use no more.
KEPT_STATES = frozenset({RenewalState.QUOTED, RenewalState.ORDERED, RenewalState.APPLIED})


class RenewalRow(NamedTuple):
    """A school of the list."""

    use: SchoolUse
    proposed: int
    reason: str
    #: The licences that the list gives it, and whether a member chose the number.
    units: int
    typed: bool

    @property
    def uai(self) -> str:
        return self.use.uai

    @property
    def name(self) -> str:
        return format_school_name(self.use.name)

    @property
    def given(self) -> int:
        """Its licences of the running year."""
        return self.use.given or 0

    @property
    def is_concerned(self) -> bool:
        """Whether it had, has, asks for or gets licences; the others are schools of the portfolio that may be added."""
        return bool(self.use.given is not None or self.units or self.typed or self.use.asks_next or self.use.asks_now)

    @property
    def lacking(self) -> int:
        """What it is to get beyond what it already has of the next year."""
        return max(self.units - self.use.has_next, 0)


@dataclass(frozen=True)
class RenewalList:
    """A renewal as it stands, with all of its schools."""

    #: That which is prepared, by the year in which it ends.
    year: int
    renewal: Renewal | None
    order: Order | None
    application: RenewalApplication | None
    state: RenewalState
    rows: Sequence[RenewalRow]
    #: Lots of the prepared year, those of cancelled orders left out, the first opened first.
    pools: Sequence[Pool]

    @property
    def version(self) -> int:
        return self.renewal.version if self.renewal is not None else 0

    @cached_property
    def by_uai(self) -> Mapping[str, RenewalRow]:
        return {row.uai: row for row in self.rows}

    @cached_property
    def total(self) -> int:
        return sum(row.units for row in self.rows)

    @cached_property
    def proposed(self) -> int:
        return sum(row.proposed for row in self.rows)

    @cached_property
    def given(self) -> int:
        """Licences of the running year."""
        return sum(row.given for row in self.rows)

    @cached_property
    def used(self) -> int:
        """Those of them that teachers hold today."""
        return sum(row.use.used for row in self.rows)

    @cached_property
    def peak(self) -> int:
        return sum(row.use.peak for row in self.rows)

    @cached_property
    def schools(self) -> int:
        """How many schools get licences."""
        return sum(row.units > 0 for row in self.rows)

    @cached_property
    def lacking(self) -> int:
        return sum(row.lacking for row in self.rows)

    @cached_property
    def free(self) -> int:
        """Licences of the prepared year that are bought and not given."""
        return sum(pool.free for pool in self.pools)

    @property
    def to_order(self) -> int:
        """Licences to buy before each school can get its number."""
        return max(self.lacking - self.free, 0)

    @property
    def may_edit(self) -> bool:
        """Whether numbers may be changed."""
        return self.state in EDITABLE_STATES


def read_list(year: int, at: datetime.datetime) -> RenewalList:
    """Return the renewal for the school year `year` as it stands. Six queries, whatever the schools."""
    renewal = find_renewal(year)
    order, application = find_order(renewal), find_application(renewal)
    state = derive_state(renewal, order, application)
    lines: dict[str, tuple[int, bool]] = {}
    if renewal is not None:
        found = RenewalLine.objects.filter(renewal=renewal).values_list("school_id", "units", "typed")
        # What was kept for an order that was cancelled since counts no more.
        lines = {uai: (units, typed) for uai, units, typed in found if typed or state in KEPT_STATES}
    rows = [
        _build_row(use, lines.get(use.uai), at, is_kept=state in KEPT_STATES)
        for use in list_school_uses(year - 1, renewal_id=renewal.pk if renewal is not None else 0)
    ]
    return RenewalList(year, renewal, order, application, state, rows, list_pools(year))


def _build_row(use: SchoolUse, line: tuple[int, bool] | None, at: datetime.datetime, *, is_kept: bool) -> RenewalRow:
    proposed, reason = propose(use, at)
    units, typed = line or (0 if is_kept else proposed, False)
    return RenewalRow(use, proposed, reason, units, typed)


def list_pools(year: int) -> list[Pool]:
    """Return the lots of a school year but those of cancelled orders, the first opened first. Three queries."""
    entitlements = find_entitlements(ends_in_school_year(year) & Q(cancelled_at=None))
    return list(Pool.objects.filter(entitlement__in=entitlements).prefetch_related("entitlement").order_by("pk"))


def count_ordered(order: Order | None) -> int:
    """Return how many licences an order is for, 0 without one. One query at most."""
    if order is None:
        return 0
    return sum(line.remaining for line in OrderLine.objects.filter(order=order))
