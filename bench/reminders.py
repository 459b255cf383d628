"""Reminding 60,000 schools of keys that nobody redeemed: chosen by one statement, queued in batches."""

import datetime
import time
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import tenant_context

from bench.office_data import create_schools, open_office
from bench.registry import measure
from bench.scratch_database import as_owner
from core.calendar import date_in_paris, start_of_day
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from licensing.pools.checks import Demand
from licensing.reminders import operations, planning
from licensing.reminders.models import DEFAULT_UNREDEEMED_DAYS, Reminder
from licensing.reminders.planning import PLAN
from mailing.models import Message, MessageState
from schools.calendar import UNKNOWN_PLACE, WritingCalendar
from schools.models import School
from tenants.models import Collectivity

SCHOOLS = 60_000
MAX_S = 30.0
#: Days that the next writing day is looked for.
_LOOK_AHEAD_DAYS = 100


@dataclass(frozen=True)
class ReminderMeasure:
    """Seconds to plan and to queue, and the statement that plans, as PostgreSQL runs it."""

    name: str
    reminders: int
    plan_s: float
    replan_s: float
    queue_s: float
    plan: str

    def figures(self) -> dict[str, Any]:
        """Return everything."""
        return asdict(self)

    def line(self) -> str:
        """Return the figures in one line, and below it the plan of the statement."""
        figures = (
            f"name={self.name}  reminders={self.reminders}  plan_s={self.plan_s:.2f}  replan_s={self.replan_s:.2f}"
            f"  queue_s={self.queue_s:.2f}"
        )
        return "\n".join([figures, *(f"  {line}" for line in self.plan.splitlines())])

    def failures(self) -> list[str]:
        """Return what was missed: all reminders, and queued in time."""
        missed = [] if self.reminders == SCHOOLS else [f"{self.reminders} reminders of {SCHOOLS}"]
        return missed if self.queue_s < MAX_S else [*missed, f"{self.queue_s:.1f} s, more than {MAX_S} s"]


@measure("reminders_60000")
def reminders_60000() -> ReminderMeasure:
    """Plan and queue the first reminders of 60,000 keys, on the day on which all are due."""
    office, at = _create_keys()
    with tenant_context(office):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(planning.CHOOSE_HASH_JOINS)
            cursor.execute(f"EXPLAIN {PLAN}", planning.build_parameters(date_in_paris(at)))
            explained = "\n".join(line for (line,) in cursor.fetchall())
        plan_s = _time(lambda: planning.plan(at=at, first_day=date_in_paris(at)))
        planned = Reminder.objects.planned().count()
        replan_s = _time(lambda: planning.plan(at=at, first_day=date_in_paris(at)))
        queue_s = _time(lambda: operations.send_due(at=at))
        queued = Message.objects.filter(kind="key_reminder").count()
    return ReminderMeasure("reminders_60000", min(planned, queued), plan_s, replan_s, queue_s, explained)


def _create_keys() -> tuple[Collectivity, datetime.datetime]:
    """Give a licence to each school, by e-mails that arrived; return the office, and when all reminders are due."""
    create_schools(SCHOOLS)
    office = open_office()
    now = timezone.now()
    calendar = WritingCalendar(now.date(), now.date() + datetime.timedelta(days=_LOOK_AHEAD_DAYS))
    following = dict(calendar.iterate_next_days(UNKNOWN_PLACE))
    at = start_of_day(following[now.date()]) + datetime.timedelta(hours=planning.SEND_HOUR)
    pool = orders.grant(collectivity=office, licences=2 * SCHOOLS, reason="Mesure", by=None, at=now)
    with tenant_context(office):
        asked = [Demand(uai, 1, email) for uai, email in School.objects.values_list("uai", "email")]
        pools.allocate_many(pool_id=pool.pk, demands=asked, by=None, at=now)
        sent_at = at - datetime.timedelta(days=DEFAULT_UNREDEEMED_DAYS[0])
        Message.objects.update(state=MessageState.SENT, sent_at=sent_at)
        with connection.cursor() as cursor:
            # Licences that began before the letters: days count from the later of both.
            cursor.execute("UPDATE public.entitlements_entitlement SET first_day = %s", [sent_at.date()])
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return office, at


def _time(run: Any) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
