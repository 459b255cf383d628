"""The worker as a process: schemas, rescue, a database that goes away."""

from __future__ import annotations

import datetime
import signal

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from jobs import housekeeping
from jobs.process import shutdown_requested
from jobs.tasks import defer, defer_once, task
from tests.races import run_concurrently
from tests.workers import running_worker, wait_until


@pytest.fixture(scope="module", autouse=True)
def _known_here():
    """Register the name in this process too: `defer` refuses unknown task names."""

    @task(name="tests.remember")
    def remember(*, word: str, after: str = "") -> None:
        raise AssertionError("runs in the worker's process only")

    yield
    app.tasks.pop("tests.remember")


@pytest.fixture
def remembered(committing):
    """Return the (word, schema) pairs that the worker's tasks wrote."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.tests_remembered (word text, schema text)")

    def read():
        with connection.cursor() as cursor:
            cursor.execute("SELECT word, schema FROM public.tests_remembered")
            return sorted(cursor.fetchall())

    yield read
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE public.tests_remembered")


def test_each_task_runs_in_its_own_schema(remembered):
    for number in range(30):
        defer("tests.remember", schema=["c_nimes", "c_gard", "public"][number % 3], word=f"{number:02}")
    with running_worker("--until-idle", "--concurrency", "3") as process:
        assert process.wait(timeout=30) == 0
    expected = [(f"{number:02}", ["c_nimes", "c_gard", "public"][number % 3]) for number in range(30)]
    assert remembered() == expected


def test_a_job_whose_worker_was_killed_is_run_by_another(remembered):
    defer("tests.remember", schema="c_nimes", word="once", after="go")
    with running_worker() as first:
        assert wait_until(lambda: ProcrastinateJob.objects.filter(status="doing").exists())
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert remembered() == []
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO public.tests_remembered VALUES ('go', 'public')")
    with running_worker():
        assert wait_until(lambda: remembered() == [("go", "public"), ("once", "c_nimes")])


def test_a_worker_survives_the_loss_of_its_database_connections(remembered):
    with running_worker() as process:
        defer("tests.remember", schema="c_nimes", word="before")
        assert wait_until(lambda: remembered() == [("before", "c_nimes")])
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        defer("tests.remember", schema="c_gard", word="now after")
        assert wait_until(lambda: len(remembered()) == 2)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_a_worker_without_a_database_gives_up_with_an_error(transactional_db):
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    with running_worker("--give-up-after", "1", DATABASE_URL=nowhere) as process:
        _, result = process.communicate(timeout=60)
        assert process.returncode == 1
    assert "CommandError: The database has been away" in result


def test_a_rolled_back_transaction_queues_nothing(nimes):
    before = ProcrastinateJob.objects.count()
    with transaction.atomic():
        defer("tests.remember", schema="c_nimes", word="never")
        transaction.set_rollback(True)
    assert ProcrastinateJob.objects.count() == before


def test_a_pending_job_is_not_queued_twice_and_breaks_no_transaction(nimes):
    later = timezone.now() + datetime.timedelta(hours=1)
    assert defer_once("tests.remember", schema="c_nimes", queueing_lock="x", at=later, word="one") is not None
    assert defer_once("tests.remember", schema="c_nimes", queueing_lock="x", at=later, word="one") is None
    assert ProcrastinateJob.objects.filter(queueing_lock="x").count() == 1


def begin_job(*, heartbeat_ago, attempts=0):
    """Return the id of a job that a worker took, whose last heartbeat is that long ago."""
    number = defer("tests.remember", schema="c_nimes", word="x")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s))"
            " RETURNING id",
            [heartbeat_ago],
        )
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s, attempts = %s WHERE id = %s",
            [cursor.fetchone()[0], attempts, number],
        )
    return number


@pytest.mark.xdist_group("races")
def test_workers_that_look_at_once_never_rescue_a_job_twice(committing):
    with schema_context("public"):
        jobs = [begin_job(heartbeat_ago=40) for _ in range(5)]
    rescued = run_concurrently("public", [housekeeping.retry_stalled_jobs] * 6, expected_errors=())
    assert sorted(number for result in rescued for number in result) == jobs
    assert set(ProcrastinateJob.objects.filter(pk__in=jobs).values_list("status", "attempts")) == {("todo", 1)}


class TestHousekeeping:
    """The rescue statements alone, without processes."""

    @pytest.fixture(autouse=True)
    def _public(self, db):
        with schema_context("public"):
            yield

    def status(self, number):
        return ProcrastinateJob.objects.get(pk=number).status

    def test_jobs_of_silent_workers_are_rescued_and_those_of_live_ones_kept(self):
        dead, alive = begin_job(heartbeat_ago=40), begin_job(heartbeat_ago=5)
        assert housekeeping.retry_stalled_jobs() == [dead]
        assert (self.status(dead), self.status(alive)) == ("todo", "doing")
        assert housekeeping.retry_stalled_jobs() == []

    def test_a_job_that_killed_several_workers_fails(self):
        number = begin_job(heartbeat_ago=40, attempts=housekeeping.MAX_RUNS - 1)
        assert housekeeping.retry_stalled_jobs() == []
        assert self.status(number) == "failed"

    def test_a_job_that_another_worker_has_restarted_since_is_left_alone(self, monkeypatch):
        number = begin_job(heartbeat_ago=40)
        list_stalled = app.job_manager.get_stalled_jobs

        async def list_then_lose_the_job(**arguments):
            stalled = await list_stalled(**arguments)
            await sync_to_async(ProcrastinateJob.objects.filter(pk=number).update)(attempts=1)
            return stalled

        monkeypatch.setattr(app.job_manager, "get_stalled_jobs", list_then_lose_the_job)
        assert housekeeping.retry_stalled_jobs() == []
        assert self.status(number) == "doing"

    def test_old_finished_jobs_are_deleted(self):
        ended = {}
        for status, days in [("succeeded", 8), ("succeeded", 6), ("failed", 8), ("failed", 31), ("todo", 90)]:
            number = defer("tests.remember", schema="c_nimes", word="x")
            with connection.cursor() as cursor:
                cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [number])
                cursor.execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", [status, number])
                cursor.execute(
                    "UPDATE procrastinate_events SET at = now() - make_interval(days => %s) WHERE job_id = %s",
                    [days, number],
                )
            ended[number] = (status, days)
        housekeeping.prune_finished_jobs()
        left = {ended[number] for number in ProcrastinateJob.objects.values_list("pk", flat=True)}
        assert left == {("succeeded", 6), ("failed", 8), ("todo", 90)}


def test_the_stopping_flag_is_false_until_a_worker_is_stopped():
    assert not shutdown_requested.is_set()
