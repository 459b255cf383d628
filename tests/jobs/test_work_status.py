"""How the workers keep up: what waits and since when, who lives, what failed."""

import datetime

import pytest

from jobs import due
from jobs.housekeeping import FAILED_WITHIN, LATE_AFTER, get_stall_timeout, read_work_status
from tests.conftest import TERM
from tests.jobs.queue_rows import add_job, beat

SECOND = datetime.timedelta(seconds=1)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _public(db):
    """The queue is public."""


def test_an_empty_queue_is_on_time():
    status = read_work_status(TERM)
    assert (status.due_jobs, status.waiting_since, status.failed_jobs, status.is_late) == (0, None, 0, False)
    assert (status.heartbeat_at, status.has_worker) == (None, False)


def test_a_job_waits_since_it_was_queued_or_since_the_moment_for_which_it_was_scheduled():
    add_job(TERM - 3 * HOUR, scheduled_at=TERM - HOUR)
    add_job(TERM - 2 * HOUR, scheduled_at=TERM + SECOND)
    add_job(TERM - 2 * HOUR, status="doing")
    assert (read_work_status(TERM).due_jobs, read_work_status(TERM).waiting_since) == (1, TERM - HOUR)
    add_job(TERM - 2 * HOUR)
    assert (read_work_status(TERM).due_jobs, read_work_status(TERM).waiting_since) == (2, TERM - 2 * HOUR)


def test_due_work_that_nobody_turns_into_a_job_waits_as_well():
    due.schedule("reminders.send", "c_nimes", TERM - HOUR)
    due.schedule("reminders.plan", "c_nimes", TERM + SECOND)
    assert read_work_status(TERM).waiting_since == TERM - HOUR


@pytest.mark.parametrize(("waits", "is_late"), [(LATE_AFTER, False), (LATE_AFTER + SECOND, True)])
def test_what_waits_too_long_is_late(waits, is_late):
    add_job(TERM - waits)
    assert read_work_status(TERM).is_late is is_late


def test_a_worker_lives_as_long_as_one_of_them_beats():
    silence = datetime.timedelta(seconds=get_stall_timeout())
    beat(TERM - silence - SECOND)
    assert not read_work_status(TERM).has_worker
    beat(TERM - silence)
    assert read_work_status(TERM).has_worker


def test_jobs_that_failed_are_counted_for_a_week():
    add_job(TERM - FAILED_WITHIN, status="failed")
    add_job(TERM - FAILED_WITHIN + SECOND, status="failed")
    assert read_work_status(TERM).failed_jobs == 1


def test_it_is_one_query(django_assert_num_queries):
    for hours in range(5):
        add_job(TERM - hours * HOUR)
    with django_assert_num_queries(1):
        read_work_status(TERM)
