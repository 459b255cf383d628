"""Days of the autumn term, and what leads an allocation to its reminders."""

import datetime

from core.calendar import PARIS
from licensing.entitlements.models import Seat, SeatMode
from licensing.reminders import operations, planning
from licensing.reminders.models import Reminder
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import allocate_units


def moment(year, month, day, hour=8, minute=0):
    return datetime.datetime(year, month, day, hour, minute, tzinfo=PARIS)


def give(pool, school=None, units=3, sent_at=TERM, **changes):
    """Allocate licences whose key arrives at once, and return the allocation."""
    allocation = allocate_units(pool, school or SchoolFactory(), units=units, **changes)
    Message.objects.filter(topic_id=allocation.pk, kind="key").update(state=MessageState.SENT, sent_at=sent_at)
    return allocation


def hold(subscription, number):
    """Have a teacher hold a seat."""
    Seat.objects.filter(subscription=subscription, number=number).update(
        holder=TeacherFactory(), held_since=TERM, mode=SeatMode.AUTOMATIC
    )
    copy_everywhere()


def plan_at(at):
    planning.plan(at=at)


def list_plan():
    """Return cause, days and day of each planned reminder."""
    planned = Reminder.objects.planned().order_by("planned_for", "pk")
    return [(one.cause, one.step, one.planned_for) for one in planned]


def list_days(first, last):
    return [first + datetime.timedelta(days=number) for number in range((last - first).days + 1)]


def run_days(days):
    """Run the sending of each of the days; return those on which something was sent, and how much."""
    sent = [(day, operations.run(at=moment(day.year, day.month, day.day))) for day in days]
    return [(day, count) for day, count in sent if count]
