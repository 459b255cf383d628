"""What happened in an office in a week and may ask for a hand, beside what « À faire » says."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from django.db.models import Count, Sum
from django.urls import reverse

from collectivities.letters import get_week
from collectivities.models import Role
from core import formatting
from core.calendar import date_in_paris
from licensing.entitlements.models import available_on
from licensing.entitlements.office_keys import find_entitlements, find_redeemed
from licensing.pools.models import Allocation
from licensing.pools.positions import PoolPosition
from licensing.pools.year_use import list_schools_without_licences
from licensing.returns.queries import count_unused_of_office, list_office_returns
from schools.calendar import SUMMER_MONTHS
from sites.office.home.to_do import A_QUARTER, A_YEAR, TodoItem

_ONE_WEEK = datetime.timedelta(days=7)
#: Weeks before the week of a lot's last day in which its end is announced: time to give, then the last call.
ANNOUNCED_WEEKS = (4, 1)


class WeekEvents(NamedTuple):
    """What happened to licences; all zero, or empty, where nothing did."""

    #: Whatever they do not use, nobody can be written to about it.
    schools_are_away: bool
    returned_units: int
    returning_schools: int
    ending: Sequence[PoolPosition]
    #: Schools of the portfolio without any licence, given licences that serve nobody, and licences still to give.
    unserved_schools: int
    sleeping_units: int
    free_units: int

    @property
    def lacks_free_licences(self) -> bool:
        """Whether schools without licences could be served by those that sleep, and not by those still to give."""
        return not self.schools_are_away and self.sleeping_units > 0 and self.unserved_schools > self.free_units


def find_week_events(running: Sequence[PoolPosition], at: datetime.datetime) -> WeekEvents:
    """Return what happened in the seven days before; `running`: the pools that are not over."""
    today = date_in_paris(at)
    given = Allocation.objects.served().filter(pool__entitlement__in=find_entitlements(available_on(today, "")))
    returned = (
        list_office_returns()
        .filter(returned_at__gt=at - _ONE_WEEK, undone_at=None)
        .aggregate(units=Sum("units"), schools=Count("key", distinct=True))
    )
    unredeemed = given.dormant(at).exclude(key__in_array=find_redeemed())
    asleep = unredeemed.aggregate(units=Sum("units"))["units"] or 0
    return WeekEvents(
        schools_are_away=today.month in SUMMER_MONTHS,
        returned_units=returned["units"] or 0,
        returning_schools=returned["schools"],
        ending=[one for one in running if _count_weeks(today, one.last_day) in ANNOUNCED_WEEKS],
        unserved_schools=list_schools_without_licences(today).count(),
        sleeping_units=asleep + count_unused_of_office(at).units,
        free_units=sum(one.free for one in running if one.entitlement.available_on(today)),
    )


def _count_weeks(today: datetime.date, last_day: datetime.date) -> int:
    return (get_week(last_day) - get_week(today)) // _ONE_WEEK


def list_week_items(events: WeekEvents, roles: Collection[Role]) -> Iterator[TodoItem]:
    """Yield what concerns a member with these roles; a reader reads it all, with links to what they may open."""
    manages = Role.MANAGER in roles
    if (manages or Role.VIEWER in roles) and events.returned_units:
        units = formatting.pluralize(events.returned_units, "licence")
        schools = formatting.pluralize(events.returning_schools, "école a rendu", "écoles ont rendu")
        free = "elle est de nouveau libre" if events.returned_units == 1 else "elles sont de nouveau libres"
        words = f"En sept jours, {schools} {units} : {free} dans {'son' if events.returned_units == 1 else 'leur'} lot."
        yield TodoItem(words, reverse("pools:pools"), "Voir les lots", A_YEAR, "returned")
    if manages or not {Role.BUYER, Role.VIEWER}.isdisjoint(roles):
        for position in events.ending:
            free = formatting.pluralize(position.free, "licence libre", "licences libres")
            left = f", avec {free}" if position.free else ""
            words = f"Le lot « {position.name} » se termine le {formatting.long_date(position.last_day)}{left}."
            url = f"{reverse('pools:pools')}#lot-{position.pool_id}"
            yield TodoItem(formatting.add_nonbreaking_spaces(words), url, "Voir le lot")
    if (manages or Role.VIEWER in roles) and events.lacks_free_licences:
        schools = formatting.pluralize(
            events.unserved_schools,
            "école de votre périmètre n'a aucune licence",
            "écoles de votre périmètre n'ont aucune licence",
        )
        sleeping = formatting.pluralize(
            events.sleeping_units, "licence donnée ne sert pas", "licences données ne servent pas"
        )
        words = f"{schools}, alors que {sleeping}."
        if manages:
            yield TodoItem(words, reverse("rebalancing:list"), "Rééquilibrer", A_QUARTER, "unserved")
        else:
            yield TodoItem(words, reverse("portfolio:list"), "Voir les écoles", A_QUARTER, "unserved")
