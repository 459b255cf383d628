"""Plan the reminders of the current collectivity: the next one of each school, on one of its writing days."""

import calendar
import datetime
from typing import Any

from django.db import connection, transaction

from core import connections
from core.advisory_locks import hold_transaction_lock
from core.calendar import PARIS, date_in_paris
from core.schemas import PublicRows
from licensing.entitlements.office_keys import ENTITLEMENTS
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind
from licensing.reminders.models import DEFAULT_UNREDEEMED_DAYS, DEFAULT_UNUSED_DAYS
from schools.calendar import UNKNOWN_PLACE, WritingCalendar, list_places

#: Day of October from which the letter about licences that sleep leaves; it is dropped at the end of the month.
OCTOBER_DAY = 8
#: Days that a redeemed key is given before that letter, and between two letters about the same licences.
_SETTLING_DAYS, _APART_DAYS = 7, 21

#: The weeks from today's on in which some of these schools are written to.
WRITTEN_WEEKS = PublicRows(
    "written",
    {"school_id": "text", "week": "date"},
    """
    SELECT school_id, week FROM public.schools_writtenweek
    WHERE week >= date_trunc('week', %(today)s::date)::date AND school_id = ANY(%(schools)s)
    """,
)
PLAN = f"""
WITH {ENTITLEMENTS.cte}, {WRITTEN_WEEKS.cte}, next_day AS (
    SELECT * FROM unnest(%(places)s::text[], %(days)s::date[], %(writing_days)s::date[])
        AS listed (place, day, writing_day)
), departements AS (
    SELECT * FROM unnest(%(departements)s::text[], %(departement_places)s::text[]) AS listed (code, place)
), academies AS (
    SELECT * FROM unnest(%(academies)s::text[], %(academie_places)s::text[]) AS listed (name, place)
), policy AS (
    SELECT pool.id AS pool_id, entitlement.first_day,
           coalesce(entitlement.provisional_until, entitlement.last_day) AS open_until,
           make_date(extract(year FROM entitlement.last_day)::int - 1, 10, 1) AS october,
           coalesce(policy.unredeemed_days::int[], %(unredeemed_days)s::int[]) AS unredeemed_days,
           CASE WHEN policy.pool_id IS NULL THEN %(unused_days)s::int ELSE policy.unused_days END AS unused_days,
           coalesce(policy.writes_in_october, true) AS writes_in_october
    FROM pools_pool AS pool
    JOIN entitlement ON entitlement.id = pool.entitlement_id
    LEFT JOIN reminders_reminderpolicy AS policy ON policy.pool_id = pool.id
    WHERE coalesce(policy.is_enabled, true) AND entitlement.suspended_at IS NULL
      AND coalesce(entitlement.provisional_until, entitlement.last_day) >= %(today)s
), letter AS (
    -- Of each allocation the last e-mail with its key: a cancelled one tells nothing.
    SELECT DISTINCT ON (topic_id) topic_id AS allocation_id, state, (sent_at AT TIME ZONE 'Europe/Paris')::date AS day
    FROM mailing_message
    WHERE topic = %(topic)s AND kind = %(key_kind)s AND state <> 'cancelled'
    ORDER BY topic_id, id DESC
), past AS (
    SELECT allocation_id, cause, max(step) AS step, (max(sent_at) AT TIME ZONE 'Europe/Paris')::date AS day
    FROM reminders_reminder
    WHERE sent_at IS NOT NULL OR cancelled_at IS NOT NULL
    GROUP BY allocation_id, cause
), active AS (
    SELECT allocation.id AS allocation_id, allocation.school_id, allocation.key_id, policy.*,
           (allocation.redeemed_at AT TIME ZONE 'Europe/Paris')::date AS redeemed_on, allocation.free,
           allocation.units AS size,
           coalesce(departements.place, academies.place, '') AS place
    FROM pools_allocation AS allocation
    JOIN policy USING (pool_id)
    JOIN public.schools_school AS school ON school.uai = allocation.school_id AND school.closed_at IS NULL
    LEFT JOIN departements ON departements.code = school.departement_code
    LEFT JOIN academies ON academies.name = public.fold(school.academie)
    WHERE allocation.revoked_at IS NULL
      AND NOT EXISTS (SELECT FROM reminders_reminderstop AS stop WHERE stop.allocation_id = allocation.id)
      AND NOT EXISTS (SELECT FROM reminders_reminderstop AS stop
                      WHERE stop.school_id = allocation.school_id AND stop.allocation_id IS NULL)
), used AS (
    SELECT allocation_id, free, size
    FROM active
    WHERE redeemed_on IS NOT NULL AND size > 0
), wanted AS (
    SELECT active.allocation_id, school_id, place, open_until, 'unredeemed' AS cause, delay AS step,
           greatest(letter.day, first_day) + delay AS target
    FROM active
    JOIN letter ON letter.allocation_id = active.allocation_id AND letter.state IN ('sent', 'delivered')
    CROSS JOIN LATERAL unnest(unredeemed_days) AS delay
    LEFT JOIN past ON past.allocation_id = active.allocation_id AND past.cause = 'unredeemed'
    WHERE redeemed_on IS NULL AND delay > coalesce(past.step, 0)
    UNION ALL
    SELECT active.allocation_id, school_id, place, open_until, 'unused', unused_days,
           greatest(redeemed_on, first_day) + unused_days
    FROM active
    JOIN used ON used.allocation_id = active.allocation_id AND used.free = used.size
    LEFT JOIN past ON past.allocation_id = active.allocation_id AND past.cause = 'unused'
    WHERE unused_days IS NOT NULL AND past.allocation_id IS NULL
    UNION ALL
    -- One a school: of its keys, the one with the most free licences.
    (SELECT DISTINCT ON (school_id) active.allocation_id, school_id, place,
            least(open_until, october + 30), 'october', 0,
            greatest(october + {OCTOBER_DAY - 1}, redeemed_on + {_SETTLING_DAYS}, past.day + {_APART_DAYS}, first_day)
     FROM active
     JOIN used ON used.allocation_id = active.allocation_id AND used.free > 0
     LEFT JOIN past ON past.allocation_id = active.allocation_id AND past.cause = 'unused'
     WHERE writes_in_october AND %(today)s <= october + 30
       AND NOT EXISTS (SELECT FROM reminders_reminder AS other
                       WHERE other.school_id = active.school_id AND other.cause = 'october'
                         AND (other.sent_at IS NOT NULL OR other.cancelled_at IS NOT NULL)
                         AND other.planned_for >= october)
     ORDER BY school_id, used.free DESC, active.allocation_id)
), next_step AS (
    -- Late, the last of those that are due; else the first to come.
    SELECT DISTINCT ON (allocation_id, cause) *
    FROM wanted
    ORDER BY allocation_id, cause, target <= %(today)s DESC, CASE WHEN target <= %(today)s THEN -step ELSE step END
), moved AS (
    SELECT next_step.*,
           CASE WHEN written.school_id IS NULL THEN first.writing_day ELSE later.writing_day END AS planned_for
    FROM next_step
    JOIN next_day AS first ON first.place = next_step.place AND first.day = greatest(next_step.target, %(today)s)
    LEFT JOIN written
        ON written.school_id = next_step.school_id AND written.week = date_trunc('week', first.writing_day)::date
    LEFT JOIN next_day AS later
        ON later.place = next_step.place AND later.day = date_trunc('week', first.writing_day)::date + 7
), chosen AS (
    -- The next one of each school: one a week, and what follows is planned once it has left.
    SELECT DISTINCT ON (school_id) allocation_id, school_id, cause, step, planned_for
    FROM moved
    WHERE planned_for <= open_until
    ORDER BY school_id, planned_for, cause DESC, step, allocation_id
), dropped AS (
    DELETE FROM reminders_reminder AS reminder
    WHERE reminder.sent_at IS NULL AND reminder.cancelled_at IS NULL
      AND NOT EXISTS (SELECT FROM chosen WHERE chosen.allocation_id = reminder.allocation_id
                      AND chosen.cause = reminder.cause AND chosen.step = reminder.step)
)
INSERT INTO reminders_reminder AS reminder (allocation_id, school_id, cause, step, planned_for)
SELECT allocation_id, school_id, cause, step, planned_for FROM chosen
ON CONFLICT (allocation_id, cause, step) DO UPDATE SET planned_for = excluded.planned_for
WHERE reminder.sent_at IS NULL AND reminder.cancelled_at IS NULL AND reminder.planned_for <> excluded.planned_for
"""  # noqa: S608 - our own numbers


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
    """Return the parameters of `PLAN` on a day. Three queries beside those of the calendar."""
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
