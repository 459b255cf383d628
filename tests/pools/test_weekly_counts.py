"""Activations and sendings by week: weeks of Paris, running pools only, one query."""

import datetime

import pytest

from core.calendar import PARIS
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.orders import operations as orders
from licensing.pools.models import MessageKind
from licensing.pools.year_use import MAX_WEEKS, WeekCounts, count_by_week
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_soon
from tests.pools.actions import allocate_units, mark_redeemed

MONDAY = datetime.date(2026, 9, 7)
WEEK = datetime.timedelta(days=7)
#: Sunday at 23:30 in Paris, and half an hour later.
SUNDAY_NIGHT = datetime.datetime(2026, 9, 13, 23, 30, tzinfo=PARIS)
MONDAY_MORNING = datetime.datetime(2026, 9, 14, 0, 0, tzinfo=PARIS)


@pytest.fixture
def pool(nimes):
    pool = orders.grant(collectivity=nimes, licences=200, reason="Essai", by=None, at=TERM)
    Entitlement.objects.filter(pk=pool.entitlement_id).update(first_day=MONDAY - 70 * WEEK, last_day=MONDAY + 70 * WEEK)
    return pool


@pytest.fixture
def write_history(pool):
    """Allocates units whose key was sent, reminded of and activated at the moments given."""

    def run(*, sent=None, reminded=None, activated=None, units=3):
        allocation = allocate_units(pool, SchoolFactory(), units=units)
        message = Message.objects.get(topic_id=allocation.pk)
        for kind, moment in ((MessageKind.KEY, sent), (MessageKind.REMINDER, reminded)):
            if moment is not None:
                message.pk, message.kind, message.state, message.sent_at = None, kind, MessageState.SENT, moment
                message.save()
        if activated is not None:
            mark_redeemed(allocation, PrincipalFactory())
            ActivationKey.objects.filter(pk=allocation.key_id).update(redeemed_at=activated)
            copy_soon([allocation.key_id])
        return allocation

    return run


def test_a_week_begins_on_monday_in_paris(write_history):
    write_history(sent=SUNDAY_NIGHT, reminded=MONDAY_MORNING, activated=MONDAY_MORNING, units=4)
    write_history(sent=SUNDAY_NIGHT, activated=SUNDAY_NIGHT, units=5)
    assert count_by_week(MONDAY + WEEK) == [
        WeekCounts(MONDAY, activated=1, licences=5, sent=2),
        WeekCounts(MONDAY + WEEK, activated=1, licences=4, reminded=1),
    ]


def test_weeks_without_anything_are_there_up_to_today(write_history):
    write_history(sent=SUNDAY_NIGHT)
    counts = count_by_week(MONDAY + 3 * WEEK)
    assert [week.is_empty for week in counts] == [False, True, True, True]
    assert [week.monday for week in counts] == [MONDAY + number * WEEK for number in range(4)]


def test_nothing_older_than_sixty_weeks_counts(write_history):
    write_history(sent=SUNDAY_NIGHT, activated=SUNDAY_NIGHT)
    assert len(count_by_week(MONDAY + (MAX_WEEKS - 1) * WEEK)) == MAX_WEEKS
    assert count_by_week(MONDAY + MAX_WEEKS * WEEK) == []


@pytest.mark.parametrize("change", [{"last_day": MONDAY}, {"cancelled_at": TERM, "suspended_at": TERM}])
def test_a_pool_that_is_over_counts_no_more(write_history, pool, change):
    write_history(sent=SUNDAY_NIGHT, activated=SUNDAY_NIGHT)
    Entitlement.objects.filter(pk=pool.entitlement_id).update(**change)
    assert count_by_week(MONDAY + WEEK) == []


@pytest.mark.parametrize("count", [1, 12])
def test_the_weeks_take_three_queries(write_history, count, django_assert_num_queries):
    for number in range(count):
        write_history(sent=SUNDAY_NIGHT, reminded=MONDAY_MORNING, activated=SUNDAY_NIGHT + number * WEEK)
    with django_assert_num_queries(3):
        count_by_week(MONDAY + count * WEEK)
