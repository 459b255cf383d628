"""A job that is lost is due work: whoever waits for it waits for minutes, not for ever."""

import datetime

import pytest
from django.db import connection
from django.utils import timezone

from jobs import due
from jobs.models import DueWork
from jobs.tasks import defer
from tests.conftest import TERM

SOON = datetime.timedelta(minutes=3)


def change(statement, job_id):
    with connection.cursor() as cursor:
        cursor.execute(statement, [job_id])


def list_work():
    return list(DueWork.objects.values_list("kind", "schema"))


def lose(job_id, end):
    change("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", job_id)
    if end == "deleted":
        change("DELETE FROM procrastinate_jobs WHERE id = %s", job_id)
    else:
        change(f"UPDATE procrastinate_jobs SET status = '{end}' WHERE id = %s", job_id)  # noqa: S608 - ours


@pytest.mark.parametrize("end", ["failed", "cancelled", "aborted", "deleted"])
@pytest.mark.parametrize("task", ["mailing.drain", "webhooks.drain", "pools.release_held_emails"])
def test_a_lost_job_is_queued_again_soon(nimes, task, end):
    lose(defer(task, schema="c_nimes"), end)
    assert list_work() == [(task, "c_nimes")]
    assert due.queue_due_work(at=timezone.now()) == []
    assert due.queue_due_work(at=timezone.now() + SOON) == [(task, "c_nimes")]


def test_a_job_of_any_due_work_is_queued_again(nimes):
    """Each job schedules the next: were one lost, no other would follow."""
    for kind in due.list_kinds():
        due.schedule(kind, "c_nimes", TERM)
    due.queue_due_work(at=TERM)
    change("UPDATE procrastinate_jobs SET status = 'failed' WHERE id > %s", 0)
    assert sorted(list_work()) == sorted((kind, "c_nimes") for kind in due.list_kinds())


@pytest.mark.parametrize("task", ["imports.read", "imports.apply"])
def test_a_lost_job_of_an_import_has_the_office_looked_at(nimes, task):
    lose(defer(task, schema="c_nimes", import_id=1), "failed")
    assert list_work() == [("imports.recover", "c_nimes")]


def test_a_job_that_ends_or_is_tried_again_is_not_lost(nimes):
    for status in ("succeeded", "todo"):
        lose(defer("mailing.drain", schema="c_nimes"), status)
    # Old jobs are deleted.
    change("DELETE FROM procrastinate_jobs WHERE status = 'succeeded' AND id > %s", 0)
    assert list_work() == []


def test_a_job_that_somebody_queued_without_a_schema_can_fail(nimes):
    job_id = defer("mailing.drain", schema="c_nimes")
    change("UPDATE procrastinate_jobs SET args = '{}' WHERE id = %s", job_id)
    lose(job_id, "failed")
    assert list_work() == []


def test_a_lost_job_of_another_task_is_not_due_work(nimes):
    lose(defer("pools.look_for_lost_keys", schema="public", uai="0300001A"), "failed")
    assert list_work() == []
