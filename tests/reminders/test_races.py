"""Reminders against what ends them, with real threads and real commits."""

import threading
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context, tenant_context

from core.exceptions import DomainError
from licensing.orders import operations as orders
from licensing.pools import reductions
from licensing.pools.models import Allocation
from licensing.reminders import operations
from licensing.reminders.models import Reminder, ReminderStop
from mailing.models import Message, MessageState
from schools.models import WrittenWeek
from tenants.models import Collectivity
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.races import run_concurrently, wait_for_blocked_session
from tests.reminders.actions import give, moment, plan_at
from tests.waits import wait_until
from webhooks import operations as webhooks

pytestmark = pytest.mark.slow

FRIDAY = moment(2026, 12, 4)


@pytest.fixture
def allocation(committing):
    pool = orders.grant(collectivity=committing, licences=50, reason="Course", by=None, at=TERM)
    given = give(pool)
    plan_at(TERM)
    return given


def list_letters():
    return Message.objects.filter(kind="key_reminder").exclude(state=MessageState.CANCELLED)


@pytest.mark.small
def test_no_letter_is_queued_after_a_revocation_commits(committing, allocation, monkeypatch):
    """The sending begins while the revocation is about to commit: it waits, and then finds the key revoked."""
    about_to_commit, sending_done, results = threading.Event(), threading.Event(), []
    emit = webhooks.emit

    def emit_slowly(**arguments):
        # The last step of a revocation: all its rows are written, nothing is committed.
        about_to_commit.set()
        wait_for_blocked_session(unless=sending_done.is_set)
        return emit(**arguments)

    def send():
        try:
            with schema_context(committing.schema_name):
                wait_until(about_to_commit.is_set)
                results.append(operations.send_due(at=FRIDAY))
        finally:
            sending_done.set()
            connection.close()

    monkeypatch.setattr(webhooks, "emit", emit_slowly)
    thread = threading.Thread(target=send)
    thread.start()
    reductions.revoke(allocation_id=allocation.pk, by=None, at=FRIDAY)
    thread.join()
    assert results == [0]
    assert not list_letters().exists()
    assert not WrittenWeek.objects.exists()


@pytest.mark.parametrize("_round", range(4))
def test_a_reminder_and_a_revocation_at_once_leave_no_letter_on_its_way(committing, allocation, _round):
    revoke = partial(reductions.revoke, allocation_id=allocation.pk, by=None, at=FRIDAY)
    send = partial(operations.send_due, at=FRIDAY)
    run_concurrently(committing.schema_name, [revoke, send, send, send], expected_errors=DomainError)
    assert Allocation.objects.get().revoked_at == FRIDAY
    assert not list_letters().exists()


@pytest.mark.parametrize("_round", range(4))
def test_eight_workers_send_a_reminder_once(committing, allocation, _round):
    give(allocation.pool)
    plan_at(TERM)
    sent = run_concurrently(committing.schema_name, [partial(operations.send_due, at=FRIDAY)] * 8, expected_errors=())
    assert sum(sent) == list_letters().count() == 2
    assert WrittenWeek.objects.count() == 2


@pytest.mark.parametrize("_round", range(4))
def test_a_stop_and_a_cancellation_race_with_sending_and_planning(committing, allocation, _round):
    reminder = Reminder.objects.planned().get()
    actions: list[Any] = [
        partial(operations.stop, allocation_id=allocation.pk, whole_school=True, at=FRIDAY),
        partial(operations.cancel, reminder_id=reminder.pk, by=None, at=FRIDAY),
        partial(operations.run, at=FRIDAY),
        partial(plan_at, FRIDAY),
    ] * 2
    run_concurrently(committing.schema_name, actions, expected_errors=DomainError)
    assert ReminderStop.objects.get().school_id == allocation.school_id
    assert not Reminder.objects.planned().exists()
    assert list_letters().count() == Reminder.objects.filter(sent_at__isnull=False).count() <= 1


def test_two_collectivities_remind_the_same_school_in_one_week_once(committing):
    school = SchoolFactory()
    offices = [committing, Collectivity.objects.get(slug="gard")]
    for office in offices:
        with tenant_context(office):
            pool = orders.grant(collectivity=office, licences=5, reason="Course", by=None, at=TERM)
            give(pool, school)
            plan_at(TERM)

    def send(office):
        with tenant_context(office), transaction.atomic():
            return operations.send_due(at=FRIDAY)

    sent = run_concurrently("public", [partial(send, office) for office in offices], expected_errors=())
    assert sorted(sent) == [0, 1]
