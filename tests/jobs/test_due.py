"""Due work: recorded in the causing transaction, taken once, and never lost between the two."""

from __future__ import annotations

import datetime
import threading
from functools import partial

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context

from jobs import due
from jobs.models import DueWork
from tests.conftest import TERM
from tests.races import run_concurrently
from tests.waiting_jobs import list_waiting_jobs

HOUR = datetime.timedelta(hours=1)
KIND = "mailing.drain"


def list_work():
    return list(DueWork.objects.order_by("schema").values_list("kind", "schema", "due_at"))


def test_the_earliest_moment_counts(nimes):
    for moment in (TERM, TERM + HOUR, TERM - HOUR):
        due.schedule(KIND, "nimes", moment)
    assert list_work() == [(KIND, "nimes", TERM - HOUR)]


def test_what_is_due_is_taken_once(nimes):
    due.schedule(KIND, "nimes", TERM)
    due.schedule(KIND, "gard", TERM + HOUR)
    due.schedule("another", "nimes", TERM)
    assert due.take(KIND, at=TERM - HOUR) == []
    assert due.take(KIND, at=TERM) == ["nimes"]
    assert due.take(KIND, at=TERM) == []
    assert due.take(KIND, at=TERM + HOUR) == ["gard"]
    assert [kind for kind, *_ in list_work()] == ["another"]


def test_a_limit_leaves_the_rest_due(nimes):
    for number in range(3):
        due.schedule(KIND, f"schema{number}", TERM + number * HOUR)
    assert due.take(KIND, at=TERM + 9 * HOUR, limit=2) == ["schema0", "schema1"]
    assert [schema for _, schema, _ in list_work()] == ["schema2"]


def test_due_work_becomes_one_job(nimes):
    due.schedule(KIND, "nimes", TERM)
    assert due.queue_due_work(at=TERM, kinds=[KIND]) == [(KIND, "nimes")]
    due.schedule(KIND, "nimes", TERM)
    due.queue_due_work(at=TERM, kinds=[KIND])
    assert [job["args"] for job in list_waiting_jobs(KIND)] == [{"schema": "nimes"}]
    assert not DueWork.objects.exists()


def test_one_query_finds_that_nothing_is_due(nimes, django_assert_num_queries):
    due.schedule(KIND, "nimes", TERM + HOUR)
    with django_assert_num_queries(1):
        assert due.queue_due_work(at=TERM) == []


def test_work_whose_job_cannot_be_queued_stays_due(nimes, monkeypatch):
    due.schedule(KIND, "nimes", TERM)

    def fail(*_args, **_kwargs):
        raise RuntimeError

    monkeypatch.setattr(due, "defer_once", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        due.queue_due_work(at=TERM, kinds=[KIND])
    assert list_work() == [(KIND, "nimes", TERM)]


def test_two_workers_take_different_schemas(committing):
    with schema_context("public"):
        for number in range(40):
            due.schedule(KIND, f"schema{number:02}", TERM)
    taken = run_concurrently("public", [partial(due.take, KIND, at=TERM, limit=10)] * 8, expected_errors=())
    schemas = [schema for part in taken for schema in part]
    assert len(schemas) == len(set(schemas)) == 40


def test_work_scheduled_while_it_is_taken_is_due_again(committing):
    """Whoever schedules waits for the taking, whose job may have read before: it must not be lost."""
    due.schedule(KIND, "nimes", TERM)
    scheduled = threading.Event()

    def schedule_again():
        try:
            due.schedule(KIND, "nimes", TERM)
        finally:
            scheduled.set()
            connection.close()

    with transaction.atomic():
        assert due.take(KIND, at=TERM) == ["nimes"]
        thread = threading.Thread(target=schedule_again)
        thread.start()
        assert not scheduled.wait(0.3)
    thread.join()
    assert list_work() == [(KIND, "nimes", TERM)]
