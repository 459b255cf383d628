"""When schools are reminded: after the days of the policy, on a writing day, once a week, and no longer than needed."""

import datetime

import pytest

from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.orders import operations as orders
from licensing.pools import key_emails, reductions
from licensing.reminders import operations, planning
from licensing.reminders.models import Reminder, ReminderCause
from licensing.reminders.operations import PolicyValues
from mailing.models import Message, MessageState
from schools.models import WrittenWeek
from tests.conftest import TERM
from tests.emails import BOUNCE_FIELDS
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import SchoolFactory
from tests.key_states import copy_everywhere
from tests.pools.actions import mark_redeemed
from tests.reminders.actions import give, hold, list_days, list_plan, moment, plan_at, run_days

DAY = datetime.date
UNREDEEMED, UNUSED, OCTOBER = ReminderCause.UNREDEEMED, ReminderCause.UNUSED, ReminderCause.OCTOBER


def test_the_first_reminder_is_planned_ten_days_after_the_letter(pool):
    give(pool)
    plan_at(TERM)
    assert list_plan() == [(UNREDEEMED, 10, DAY(2026, 12, 4))]


@pytest.mark.slow
@pytest.mark.usefixtures("holidays")
@pytest.mark.parametrize(
    "days",
    [
        [
            DAY(2026, 11, 24), DAY(2026, 12, 3), DAY(2026, 12, 4), DAY(2026, 12, 18), DAY(2026, 12, 21),
            DAY(2027, 1, 1), DAY(2027, 1, 4), DAY(2027, 1, 8), DAY(2027, 1, 11), DAY(2027, 3, 31),
        ],
        pytest.param(list_days(DAY(2026, 11, 24), DAY(2027, 3, 31)), marks=pytest.mark.slow),
    ],
    ids=["some_days", "each_day"],
)  # fmt: skip
def test_a_key_that_nobody_redeems_is_reminded_three_times_and_never_in_the_holidays(pool, days):
    give(pool)
    sent = run_days(days)
    # Day 25 is a Saturday before the Christmas holidays; day 45 is a Friday of the same week: the next one has it.
    assert [day for day, _ in sent] == [DAY(2026, 12, 4), DAY(2027, 1, 4), DAY(2027, 1, 11)]
    assert list_plan() == []


@pytest.mark.slow
def test_days_count_from_the_last_letter_with_the_key(pool):
    allocation = give(pool)
    key_emails.resend(allocation_id=allocation.pk, by=None, at=moment(2026, 12, 1))
    plan_at(moment(2026, 12, 1, 9))
    assert list_plan() == []  # not sent yet
    Message.objects.filter(state=MessageState.QUEUED).update(state=MessageState.SENT, sent_at=moment(2026, 12, 1, 9))
    plan_at(moment(2026, 12, 1, 10))
    assert list_plan() == [(UNREDEEMED, 10, DAY(2026, 12, 11))]


@pytest.mark.parametrize("state", [MessageState.QUEUED, MessageState.FAILED, MessageState.BOUNCED, MessageState.HELD])
def test_a_key_that_did_not_arrive_is_not_reminded(pool, state):
    allocation = give(pool)
    fields = BOUNCE_FIELDS if state == MessageState.BOUNCED else {}
    Message.objects.filter(topic_id=allocation.pk).update(state=state, **fields)
    plan_at(TERM)
    assert list_plan() == []


def test_days_count_from_the_first_day_of_licences_for_next_year(pool):
    give(pool)
    Entitlement.objects.update(first_day=DAY(2026, 12, 1))
    plan_at(TERM)
    assert list_plan() == [(UNREDEEMED, 10, DAY(2026, 12, 11))]


def test_a_policy_that_begins_late_sends_the_last_step_alone(pool):
    give(pool)
    plan_at(moment(2026, 12, 28, 7))
    # 34 days later, step 25 alone.
    assert list_plan() == [(UNREDEEMED, 25, DAY(2026, 12, 28))]


@pytest.mark.slow
def test_redemption_revocation_and_suspension_end_the_plan(pool, nimes):
    redeemed, revoked = give(pool), give(pool)
    suspended = give(orders.grant(collectivity=nimes, licences=9, reason="Essai", name="Lot B", by=None, at=TERM))
    plan_at(TERM)
    assert Reminder.objects.planned().count() == 3
    mark_redeemed(redeemed, PrincipalFactory())
    reductions.revoke(allocation_id=revoked.pk, by=None, at=TERM)
    Entitlement.objects.filter(keys=suspended.key_id).update(suspended_at=TERM, suspension_cause="operator")
    plan_at(TERM)
    assert list_plan() == [(UNUSED, 15, DAY(2026, 12, 9))]


@pytest.mark.slow
@pytest.mark.parametrize(
    "days",
    [
        [DAY(2026, 11, 24), DAY(2026, 12, 8), DAY(2026, 12, 9), DAY(2026, 12, 24), DAY(2027, 1, 29)],
        pytest.param(list_days(DAY(2026, 11, 24), DAY(2027, 1, 31)), marks=pytest.mark.slow),
    ],
    ids=["some_days", "each_day"],
)
def test_licences_that_nobody_got_are_reminded_once_after_fifteen_days(pool, days):
    subscription = mark_redeemed(give(pool), PrincipalFactory())
    assert [day for day, _ in run_days(days)] == [DAY(2026, 12, 9)]
    # One that is given is enough.
    Reminder.objects.all().delete()
    plan_at(moment(2026, 12, 8, 7))
    assert list_plan()
    hold(subscription, 1)
    plan_at(moment(2026, 12, 8, 7))
    assert list_plan() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "days",
    [
        [DAY(2026, 9, 8), DAY(2026, 10, 7), DAY(2026, 10, 8), DAY(2026, 10, 9), DAY(2026, 11, 9), DAY(2026, 12, 31)],
        pytest.param(list_days(DAY(2026, 9, 8), DAY(2026, 12, 31)), marks=pytest.mark.slow),
    ],
    ids=["some_days", "each_day"],
)
def test_the_letter_of_october_goes_once_to_a_school_where_licences_sleep(nimes, days):
    at = moment(2026, 9, 8)
    lots = [
        orders.grant(collectivity=nimes, licences=30, reason="Essai", name=name, by=None, at=at) for name in ("A", "B")
    ]
    school = SchoolFactory()
    for lot, units in zip(lots, (2, 5), strict=True):
        subscription = mark_redeemed(give(lot, school, units=units, at=at, sent_at=at), PrincipalFactory())
        hold(subscription, 1)
    hold(mark_redeemed(give(lots[0], units=1, at=at, sent_at=at), PrincipalFactory()), 1)
    # Redemptions are of the autumn term.
    ActivationKey.objects.filter(redeemed_at__isnull=False).update(redeemed_at=at)
    copy_everywhere()
    assert run_days(days) == [(DAY(2026, 10, 8), 1)]
    letter = Message.objects.get(kind="october_reminder")
    assert Reminder.objects.get().allocation.units == 5
    assert letter.recipient == school.email


@pytest.mark.slow
@pytest.mark.parametrize(
    "days",
    [
        [
            DAY(2026, 12, 4), DAY(2026, 12, 5), DAY(2026, 12, 7), DAY(2026, 12, 8), DAY(2026, 12, 21),
            DAY(2026, 12, 22), DAY(2026, 12, 28), DAY(2026, 12, 29),
        ],
        pytest.param(list_days(DAY(2026, 11, 24), DAY(2026, 12, 31)), marks=pytest.mark.slow),
    ],
    ids=["some_days", "each_day"],
)  # fmt: skip
def test_a_school_with_two_lots_gets_one_letter_a_week(pool, nimes, days):
    other = orders.grant(collectivity=nimes, licences=9, reason="Essai", name="Lot B", by=None, at=TERM)
    school = SchoolFactory()
    give(pool, school)
    give(other, school)
    weeks = [day.isocalendar()[:2] for day, count in run_days(days) for _ in range(count)]
    assert len(weeks) == len(set(weeks)) == 4
    assert WrittenWeek.objects.filter(school=school).count() == 4


def test_a_week_that_another_collectivity_took_moves_the_reminder_to_the_next(pool):
    allocation = give(pool)
    WrittenWeek.objects.create(
        school_id=allocation.school_id, week=DAY(2026, 11, 30), schema="gard", written_at=moment(2026, 11, 30)
    )
    plan_at(TERM)
    assert list_plan() == [(UNREDEEMED, 10, DAY(2026, 12, 7))]


def test_a_closed_school_is_not_written_to(pool):
    allocation = give(pool)
    allocation.school.state, allocation.school.closed_at = "closed", TERM
    allocation.school.save()
    plan_at(TERM)
    assert list_plan() == []


@pytest.mark.slow
def test_a_policy_changes_the_plan_at_once(pool):
    give(pool)
    set_policy = {"pool_id": pool.pk, "by": None, "at": TERM}
    operations.set_policy(values=PolicyValues(unredeemed_days=[20, 6, 6]), **set_policy)
    assert list_plan() == [(UNREDEEMED, 6, DAY(2026, 11, 30))]
    operations.set_policy(values=PolicyValues(is_enabled=False), **set_policy)
    assert list_plan() == []
    operations.set_policy(values=PolicyValues(is_enabled=True, unredeemed_days=[]), **set_policy)
    assert list_plan() == []


def test_reminders_end_with_the_temporary_rights(pool):
    give(pool)
    Entitlement.objects.update(provisional_until=DAY(2026, 12, 3))
    plan_at(TERM)
    assert list_plan() == []


@pytest.mark.slow
def test_what_is_planned_beyond_the_horizon_is_not_shown(pool):
    give(pool)
    operations.set_policy(pool_id=pool.pk, values=PolicyValues(unredeemed_days=[90]), by=None, at=TERM)
    assert list_plan() == []
    plan_at(TERM + datetime.timedelta(days=90 - planning.HORIZON_DAYS))
    assert [step for _, step, _ in list_plan()] == [90]


@pytest.mark.slow
def test_a_day_that_passed_without_a_worker_is_moved_to_the_next_writing_day(pool):
    give(pool)
    plan_at(TERM)
    assert run_days(list_days(DAY(2026, 12, 5), DAY(2026, 12, 8))) == [(DAY(2026, 12, 7), 1)]


def test_nothing_leaves_in_the_evening(pool):
    give(pool)
    assert operations.run(at=moment(2026, 12, 4, 18)) == 0
    assert list_plan() == [(UNREDEEMED, 10, DAY(2026, 12, 7))]


@pytest.mark.slow
def test_a_plan_is_one_statement_for_any_number_of_schools(pool, django_assert_num_queries):
    for _ in range(3):
        give(pool)
    # Savepoint, lock, two of the calendar, four of schools, keys and weeks, two settings around the plan, the
    # savepoint's release.
    with django_assert_num_queries(11):
        planning.plan(at=TERM)
    assert len(list_plan()) == 3
