"""Rows are kept for their time, deleted in short transactions, and never under the hands of somebody who uses them."""

import datetime
import threading
import time
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from jobs import due, retention
from jobs.models import DueWork
from jobs.retention import PRUNE_ROWS
from mailing import kinds, operations
from mailing.dispatch import drain
from mailing.models import MESSAGES_KEPT, Message, MessageState
from schools.models import WrittenWeek
from sites.audit import checks
from tests.factories.schools import SchoolFactory
from tests.mailing.note import render_note
from tests.races import run_concurrently
from tests.waits import wait_until

DAY = datetime.timedelta(days=1)
NOW = timezone.now()
OLD = NOW - MESSAGES_KEPT - DAY
_FILL = """
INSERT INTO mailing_message (kind, recipient, topic, topic_id, about, context, state, created_at, due_at, sent_at,
                             attempts, priority, unanswered, message_id, reason, refusal)
SELECT 'key', 'ecole@exemple.example', 'allocation', n, '', '{}', 'sent', %s, %s, %s, 0, 0, 0, '', '', ''
FROM generate_series(1, %s) AS n
"""


def fill(count, *, at=OLD):
    """Write sent messages, as an import and its drains did."""
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [at, at, at, count])


def test_messages_are_deleted_after_their_time_but_those_that_have_still_to_leave(nimes):
    fill(3)
    fill(2, at=NOW)
    Message.objects.filter(topic_id=3, created_at=OLD).update(state=MessageState.HELD, sent_at=None)
    assert retention.prune_schema(at=NOW) == {"mailing_message": 2}
    assert sorted(Message.objects.values_list("state", flat=True)) == ["held", "sent", "sent"]
    assert retention.prune_schema(at=NOW) == {}


def test_both_schemas_are_pruned_each_by_itself(nimes):
    fill(1)
    with schema_context("public"):
        fill(2)
        assert retention.prune_schema(at=NOW) == {"mailing_message": 2}
    assert Message.objects.count() == 1


def test_sending_schedules_the_deletion_and_the_deletion_the_next(nimes, queue_note):
    assert due.get_moment(PRUNE_ROWS, "c_nimes") is None
    queue_note()
    drain()
    moment = due.get_moment(PRUNE_ROWS, "c_nimes")
    assert moment is not None
    assert abs(moment - timezone.now() - MESSAGES_KEPT) < DAY
    fill(1, at=NOW - MESSAGES_KEPT + 10 * DAY)
    due.take(PRUNE_ROWS, at=moment)
    retention.prune_schema(at=NOW)
    assert due.get_moment(PRUNE_ROWS, "c_nimes") == NOW + 10 * DAY
    due.take(PRUNE_ROWS, at=moment)
    retention.prune_schema(at=NOW + 10 * DAY)
    # A day later at the earliest, whatever is due meanwhile.
    assert due.get_moment(PRUNE_ROWS, "c_nimes") == NOW + 11 * DAY


def test_nothing_is_scheduled_where_nothing_is_kept_nor_in_the_public_schema(nimes):
    retention.prune_schema(at=NOW)
    with schema_context("public"):
        fill(1, at=NOW)
        retention.prune_schema(at=NOW)
        retention.schedule_pruning(NOW)
    assert not DueWork.objects.filter(kind=PRUNE_ROWS).exists()


@pytest.mark.slow
def test_the_audit_names_what_is_kept_too_long(nimes):
    fill(2, at=NOW - MESSAGES_KEPT - 6 * DAY)
    assert list_overdue() == []
    fill(3, at=NOW - MESSAGES_KEPT - 8 * DAY)
    with schema_context("public"):
        week = {"week": datetime.date(2023, 10, 2), "written_at": OLD - 50 * DAY}
        WrittenWeek.objects.create(school=SchoolFactory(), schema="c_nimes", **week)
    assert list_overdue() == [
        "nimes : mailing_message : 3\u00a0lignes de trop",
        "portail : schools_writtenweek : 1\u00a0ligne de trop",
    ]
    retention.prune_schema(at=NOW)
    with schema_context("public"):
        retention.prune_schema(at=NOW)
    assert list_overdue() == []


def list_overdue():
    [found] = [finding for finding in checks.check_all() if finding.code == "retention"]
    return sorted(found.examples)


def test_a_row_that_somebody_has_locked_is_left_for_the_next_time(committing):
    """Fails without SKIP LOCKED: the job waits for whoever reports on a message, for as long as they take."""
    fill(50)
    locked, seen = threading.Event(), threading.Event()

    def report():
        with transaction.atomic():
            list(Message.objects.filter(topic_id=7).locked())
            locked.set()
            wait_until(seen.is_set)
            Message.objects.filter(topic_id=7).update(created_at=NOW)

    def prune():
        wait_until(locked.is_set)
        try:
            return retention.prune_schema(at=NOW)
        finally:
            seen.set()

    _, pruned = run_concurrently(committing.schema_name, [report, prune], expected_errors=())
    assert pruned == {"mailing_message": 49}
    assert list(Message.objects.values_list("topic_id", "created_at")) == [(7, NOW)]


@pytest.mark.slow
def test_two_workers_delete_each_row_once(committing):
    fill(20_000)
    results = run_concurrently(
        committing.schema_name, [partial(retention.prune_schema, at=NOW)] * 3, expected_errors=()
    )
    assert sum(one.get("mailing_message", 0) for one in results) == 20_000
    assert not Message.objects.exists()


@pytest.mark.slow
def test_a_writer_goes_on_while_100_000_rows_are_deleted(committing, note):
    fill(100_000)
    done, waits, took = threading.Event(), [], []

    def prune():
        began = time.monotonic()
        try:
            return retention.prune_schema(at=NOW)
        finally:
            took.append(time.monotonic() - began)
            done.set()

    def write():
        while not done.is_set():
            began = time.monotonic()
            operations.enqueue(kind=note, recipient="ecole@exemple.example", at=timezone.now())
            waits.append(time.monotonic() - began)

    pruned, _ = run_concurrently(committing.schema_name, [prune, write], expected_errors=())
    assert pruned == {"mailing_message": 100_000}
    assert Message.objects.count() == len(waits) > 10
    assert max(waits) < took[0] / 2


@pytest.fixture
def note():
    kinds.register("note", label="Note", render=render_note)
    yield "note"
    kinds.unregister("note")


@pytest.fixture
def queue_note(note):
    return partial(operations.enqueue, kind=note, recipient="ecole@exemple.example", at=timezone.now())
