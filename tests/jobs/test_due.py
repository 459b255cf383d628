"""Due work: recorded in the causing transaction, taken once, and never lost between the two."""

import datetime
import threading
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from jobs import due
from jobs.models import DueWork
from tests.conftest import TERM
from tests.races import run_concurrently, wait_for_blocked_session
from tests.waiting_jobs import list_waiting_jobs

HOUR = datetime.timedelta(hours=1)
KIND = "mailing.drain"


def list_work():
    return list(DueWork.objects.order_by("schema", "pk").values_list("kind", "schema", "due_at"))


def test_the_earliest_moment_counts(nimes):
    for moment in (TERM, TERM + HOUR, TERM - HOUR):
        due.schedule(KIND, "nimes", moment)
    assert due.get_moment(KIND, "nimes") == TERM - HOUR
    # The later one stands on: whoever relied on it may not have ended.
    assert list_work() == [(KIND, "nimes", TERM), (KIND, "nimes", TERM - HOUR)]
    assert due.take(KIND, at=TERM) == ["nimes"]
    assert due.get_moment(KIND, "nimes") is None


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


def test_sealing_waits_behind_all_other_work(nimes):
    due.schedule("collectivities.seal_journal", "nimes", TERM)
    due.queue_due_work(at=TERM)
    [job] = list_waiting_jobs("collectivities.seal_journal")
    assert job["priority"] < 0


def test_one_query_finds_that_nothing_is_due(nimes, django_assert_num_queries):
    due.schedule(KIND, "nimes", TERM + HOUR)
    with django_assert_num_queries(1):
        assert due.queue_due_work(at=TERM) == []


def test_one_query_schedules_and_adds_no_row_where_one_stands(nimes, django_assert_num_queries):
    due.schedule(KIND, "nimes", TERM)
    with django_assert_num_queries(1):
        due.schedule(KIND, "nimes", TERM)
    assert list_work() == [(KIND, "nimes", TERM)]


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


def run_elsewhere(action):
    """Run an action over a connection of its own; return its thread, and whether it ended while this one went on."""
    ended = threading.Event()

    def run():
        try:
            action()
        finally:
            connection.close()
            ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    wait_for_blocked_session(unless=ended.is_set)
    return thread, ended.is_set()


def test_work_scheduled_while_it_is_taken_is_due_again(committing):
    """The job of the taking may have read before: what is scheduled meanwhile relies on no row that is being taken."""
    due.schedule(KIND, "nimes", TERM)
    with transaction.atomic():
        assert due.take(KIND, at=TERM) == ["nimes"]
        thread, has_ended = run_elsewhere(partial(due.schedule, KIND, "nimes", TERM))
    thread.join()
    assert has_ended
    assert list_work() == [(KIND, "nimes", TERM)]


def test_work_that_an_open_transaction_relies_on_is_not_taken(committing):
    """A taking in between would queue a job that reads before this transaction has committed what it is to find."""
    due.schedule(KIND, "nimes", TERM)
    taken = []
    with transaction.atomic():
        due.schedule(KIND, "nimes", TERM + HOUR)
        thread, has_ended = run_elsewhere(lambda: taken.extend(due.take(KIND, at=TERM)))
    thread.join()
    assert has_ended
    assert taken == []
    assert due.take(KIND, at=TERM) == ["nimes"]


def test_work_that_is_due_is_taken_however_many_go_on_scheduling(committing):
    """The row would else be locked, by one transaction after another, for as long as an office is busy."""
    now = timezone.now()
    due.schedule(KIND, "nimes", now - HOUR)
    taken = []
    with transaction.atomic():
        due.schedule(KIND, "nimes", now + HOUR)
        thread, has_ended = run_elsewhere(lambda: taken.extend(due.take(KIND, at=now)))
    thread.join()
    assert has_ended
    assert taken == ["nimes"]
    assert list_work() == [(KIND, "nimes", now + HOUR)]


def test_thousands_that_schedule_the_same_work_wait_for_nobody(committing):
    """Neither for one that has just written the row, nor for one that relies on it; in any order of other locks."""
    with transaction.atomic():
        due.schedule(KIND, "nimes", TERM)
        first, first_has_ended = run_elsewhere(partial(due.schedule, KIND, "nimes", TERM))
    first.join()
    with transaction.atomic():
        due.schedule(KIND, "nimes", TERM)
        second, second_has_ended = run_elsewhere(partial(due.schedule, KIND, "nimes", TERM))
    second.join()
    assert (first_has_ended, second_has_ended) == (True, True)
    assert due.take(KIND, at=TERM) == ["nimes"]
    assert not DueWork.objects.exists()


def test_work_that_is_rolled_back_is_not_due(committing):
    with transaction.atomic():
        due.schedule(KIND, "nimes", TERM)
        transaction.set_rollback(True)
    assert list_work() == []
