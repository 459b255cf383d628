"""Plan the reminders of the current collectivity: the next one of each school, on one of its writing days."""

from __future__ import annotations

import calendar
import datetime
from typing import Any

from django.db import connection, transaction

from core import connections
from core.advisory_locks import hold_transaction_lock
from core.calendar import PARIS, date_in_paris
from licensing.entitlements.office_keys import ENTITLEMENTS, REDEEMED_KEYS
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind
from licensing.reminders.models import DEFAULT_UNREDEEMED_DAYS, DEFAULT_UNUSED_DAYS
from licensing.reminders.plan_sql import PLAN, WRITTEN_WEEKS
from schools.calendar import UNKNOWN_PLACE, WritingCalendar, list_places

#: Kind of the due work that sends, at `SEND_HOUR` each day; the pools' `PLAN_REMINDERS` only plans.
SEND_REMINDERS = "reminders.send"
#: Hour in Paris at which the reminders of a day leave.
SEND_HOUR = 8
#: How far ahead reminders are planned and shown.
HORIZON_DAYS = 60
#: Days that the next writing day is looked for beyond the horizon: longer than any holidays.
_LONGEST_WAIT_DAYS = 75

# The planner expects one row of each common table expression: with nested loops 60,000 keys take hours instead of
# seconds (bench reminders_60000), and what forbids them makes it think that compiling pays.
CHOOSE_HASH_JOINS = "SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true)"
_CHOOSE_AS_BEFORE = "SELECT set_config('enable_nestloop', 'on', true), set_config('jit', 'on', true)"


@transaction.atomic
def plan(*, at: datetime.datetime, first_day: datetime.date | None = None) -> None:
    """Plan what is due within `HORIZON_DAYS`, move what was planned, and drop what is no longer due.

    `first_day`: the first on which a reminder may leave; None means the next one that begins its sending.
    """
    hold_plan_lock()
    parameters = build_parameters(first_day or get_first_day(at))
    with connection.cursor() as cursor:
        cursor.execute(CHOOSE_HASH_JOINS)
        cursor.execute(PLAN, parameters)
        cursor.execute(_CHOOSE_AS_BEFORE)


def get_first_day(at: datetime.datetime) -> datetime.date:
    """Return the day whose reminders leave next: a later one once those of today have left, never of a weekend."""
    day = date_in_paris(at)
    if at >= get_sending_moment(day):
        day += datetime.timedelta(days=1)
    return day if day.weekday() < calendar.SATURDAY else day + datetime.timedelta(days=7 - day.weekday())


def get_sending_moment(day: datetime.date) -> datetime.datetime:
    """Return when the reminders of a day leave."""
    return datetime.datetime.combine(day, datetime.time(SEND_HOUR), tzinfo=PARIS)


def hold_plan_lock() -> None:
    """Keep others from planning until the transaction ends, after waiting for whoever plans.

    For what a plan must see: it is taken before stops and policies are written, and before any reminder is locked.
    """
    hold_transaction_lock(f"reminders/plan/{connections.connection.schema_name}")


def build_parameters(today: datetime.date) -> dict[str, Any]:
    """Return the parameters of `PLAN` on a day. Four queries beside those of the calendar."""
    schools = list(Allocation.objects.active().order_by().values_list("school_id", flat=True).distinct())
    by_departement, by_academie = list_places()
    places = {UNKNOWN_PLACE, *by_departement.values(), *by_academie.values()}
    horizon = today + datetime.timedelta(days=HORIZON_DAYS)
    writing_days = WritingCalendar(today, horizon + datetime.timedelta(days=_LONGEST_WAIT_DAYS))
    rows = [
        (place.code, day, writing_day)
        for place in sorted(places)
        for day, writing_day in writing_days.iterate_next_days(place)
        if day <= horizon
    ]
    return {
        **ENTITLEMENTS.read(),
        **REDEEMED_KEYS.read(),
        **WRITTEN_WEEKS.read({"today": today, "schools": schools}),
        "today": today,
        "places": [place for place, _, _ in rows],
        "days": [day for _, day, _ in rows],
        "writing_days": [writing_day for _, _, writing_day in rows],
        "departements": list(by_departement),
        "departement_places": [place.code for place in by_departement.values()],
        "academies": list(by_academie),
        "academie_places": [place.code for place in by_academie.values()],
        "unredeemed_days": list(DEFAULT_UNREDEEMED_DAYS),
        "unused_days": DEFAULT_UNUSED_DAYS,
        "topic": ALLOCATION_TOPIC,
        "key_kind": MessageKind.KEY.value,
    }
