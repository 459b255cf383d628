"""The worker as a process: schemas, rescue, a database that goes away."""

import datetime
import signal

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone
from django_tenants.utils import schema_context
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from core.connections import connection
from jobs import housekeeping
from jobs.models import LostRun
from jobs.periodic_tasks import shutdown_requested
from jobs.tasks import defer, defer_once, plan_lanes, task
from tests.database_roles import execute_as_administrator
from tests.figures import raised_figures
from tests.races import run_concurrently
from tests.waits import LAST_S, wait_for_exit, wait_until
from tests.workers import running_worker


@pytest.fixture(scope="module", autouse=True)
def _known_here():
    """Register the name in this process too: `defer` refuses unknown task names."""

    @task(name="tests.remember")
    def remember(*, word: str, after: str = "") -> None:
        raise AssertionError("runs in the worker's process only")

    @task(name="tests.kill_worker", queue="tests")
    def kill_worker(*, word: str) -> None:
        raise AssertionError("runs in the worker's process only")

    yield
    app.tasks.pop("tests.remember")
    app.tasks.pop("tests.kill_worker")


@pytest.fixture
def remembered(committing):
    """Return the (word, schema) pairs that the worker's tasks wrote."""
    execute_as_administrator(
        "CREATE TABLE public.tests_remembered (word text, schema text);"
        "GRANT SELECT, INSERT ON public.tests_remembered TO PUBLIC"
    )

    def read():
        with connection.cursor() as cursor:
            cursor.execute("SELECT word, schema FROM public.tests_remembered")
            return sorted(cursor.fetchall())

    yield read
    execute_as_administrator("DROP TABLE public.tests_remembered")


@pytest.mark.slow
def test_each_task_runs_in_its_own_schema(remembered):
    for number in range(30):
        defer("tests.remember", schema=["c_nimes", "c_gard", "public"][number % 3], word=f"{number:02}")
    with running_worker("--until-idle", "--concurrency", "3") as process:
        assert wait_for_exit(process) == 0
    expected = [(f"{number:02}", ["c_nimes", "c_gard", "public"][number % 3]) for number in range(30)]
    assert remembered() == expected


@pytest.mark.slow
def test_a_job_whose_worker_was_killed_is_run_by_another(remembered):
    defer("tests.remember", schema="c_nimes", word="once", after="go")
    with running_worker() as first:
        wait_until(lambda: ProcrastinateJob.objects.filter(status="doing").exists())
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert remembered() == []
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO public.tests_remembered VALUES ('go', 'public')")
    with running_worker():
        wait_until(lambda: remembered() == [("go", "public"), ("once", "c_nimes")])


def start_waiting_jobs() -> bool:
    """Have the jobs that wait start now: one that was running when its worker died starts again after a pause."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")
    return True


@pytest.mark.slow
def test_a_job_that_kills_its_worker_runs_twice_and_never_again(remembered):
    job = defer("tests.kill_worker", schema="c_nimes", word="boom")
    defer("tests.remember", schema="c_gard", word="neighbour")
    for _ in range(2):
        with running_worker() as process:
            assert wait_for_exit(process) == -signal.SIGKILL
    with running_worker() as process:
        wait_until(lambda: ProcrastinateJob.objects.get(pk=job).status == "failed")
        # At least once: it may have ended just before the worker died, and run again.
        wait_until(lambda: start_waiting_jobs() and ("neighbour", "c_gard") in remembered())
        assert remembered().count(("boom", "c_nimes")) == 2
        assert process.poll() is None


@pytest.mark.slow
def test_a_worker_that_is_stopping_keeps_its_long_job(remembered):
    job = defer("tests.remember", schema="c_nimes", word="long", after="go")
    with running_worker(JOBS_HEARTBEAT="2") as first:
        wait_until(lambda: ProcrastinateJob.objects.filter(pk=job, status="doing").exists())
        workers = len(plan_lanes(concurrency=1, queues=None))
        wait_until(lambda: ProcrastinateWorker.objects.count() == workers)
        with running_worker(JOBS_HEARTBEAT="2"):
            wait_until(lambda: ProcrastinateWorker.objects.count() == 2 * workers)
            first.send_signal(signal.SIGTERM)
            # The other takes over the jobs of workers that have been silent for six seconds.
            worker = ProcrastinateJob.objects.values_list("worker_id", flat=True).get(pk=job)
            late = ProcrastinateWorker.objects.get(pk=worker).last_heartbeat + datetime.timedelta(seconds=7)
            wait_until(ProcrastinateWorker.objects.filter(pk=worker, last_heartbeat__gt=late).exists)
            assert ProcrastinateJob.objects.filter(pk=job, status="doing", attempts=0).exists()
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO public.tests_remembered VALUES ('go', 'public')")
            assert wait_for_exit(first) == 0
    assert remembered() == [("go", "public"), ("long", "c_nimes")]


@pytest.fixture
def _first_end_is_lost(remembered):
    """End the session over which the end of a job is recorded, the first time."""
    execute_as_administrator("CREATE SEQUENCE public.tests_ends")
    execute_as_administrator(
        "CREATE FUNCTION public.tests_lose_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
        # A sequence goes on whatever becomes of the transaction.
        " IF nextval('public.tests_ends') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
        " RETURN NEW; END $$"
    )
    execute_as_administrator(
        "CREATE TRIGGER tests_lose_end BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW"
        " WHEN (OLD.lock IS NOT NULL AND OLD.status = 'doing' AND NEW.status = 'succeeded')"
        " EXECUTE FUNCTION public.tests_lose_end()"
    )
    yield
    execute_as_administrator("DROP TRIGGER tests_lose_end ON procrastinate_jobs")
    execute_as_administrator("DROP FUNCTION public.tests_lose_end()")
    execute_as_administrator("DROP SEQUENCE public.tests_ends")


@pytest.mark.slow
@pytest.mark.usefixtures("_first_end_is_lost")
def test_a_job_whose_end_was_lost_with_one_connection_is_run_again_while_its_worker_lives(remembered):
    job = defer("tests.remember", schema="c_nimes", word="twice", lock="one at a time")
    others = [defer("tests.remember", schema="c_gard", word=f"other {number}") for number in range(3)]
    waiting = defer("tests.remember", schema="c_nimes", word="waiting", lock="one at a time")
    with running_worker() as process:
        succeeded = ProcrastinateJob.objects.filter(pk__in=[job, *others, waiting], status="succeeded")
        wait_until(lambda: succeeded.count() == 5)
        assert process.poll() is None
    assert [word for word, _ in remembered()].count("twice") == 2


@pytest.mark.slow
def test_a_worker_survives_the_loss_of_its_database_connections(remembered):
    with running_worker() as process:
        defer("tests.remember", schema="c_nimes", word="before")
        wait_until(lambda: remembered() == [("before", "c_nimes")])
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
        defer("tests.remember", schema="c_gard", word="now after")
        # It opens its connections again after a pause, longer on a busy machine. The job before may run anew, where the
        # connection was lost over which its end was to be recorded.
        wait_until(lambda: ("now after", "c_gard") in remembered())
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert wait_for_exit(process) == 0


@pytest.mark.slow
def test_a_worker_without_a_database_gives_up_with_an_error(transactional_db):
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    with running_worker("--give-up-after", "1", DATABASE_URL=nowhere) as process:
        _, result = process.communicate(timeout=LAST_S)
        assert process.returncode == 1
    assert "CommandError: The database has been away" in result


def test_a_task_runs_in_the_schema_that_its_job_names(nimes):
    seen = []

    @task(name="tests.look")
    def look(*, word: str) -> None:
        seen.append((word, connection.schema_name))

    for word, schema in (("one", "c_gard"), ("two", "public"), ("three", "c_gard")):
        app.tasks["tests.look"](schema=schema, word=word)
    app.tasks.pop("tests.look")
    assert seen == [("one", "c_gard"), ("two", "public"), ("three", "c_gard")]
    assert connection.schema_name == "c_nimes"


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


def begin_job(*, heartbeat_ago, attempts=0, **options):
    """Return the id of a job that a worker took, whose last heartbeat is that long ago."""
    number = defer("tests.remember", schema="c_nimes", word="x", **options)
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


def begin_again(number):
    """Give the job to another worker, which is dead as well."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute') RETURNING id"
        )
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s",
            [cursor.fetchone()[0], number],
        )


@pytest.mark.slow
def test_workers_that_look_at_once_never_rescue_a_job_twice(committing):
    with schema_context("public"):
        jobs = [begin_job(heartbeat_ago=40) for _ in range(5)]
    rescued = run_concurrently("public", [housekeeping.retry_stalled_jobs] * 6, expected_errors=())
    assert sorted(number for result in rescued for number in result) == jobs
    assert set(ProcrastinateJob.objects.filter(pk__in=jobs).values_list("status", "attempts")) == {("todo", 1)}
    assert sorted(LostRun.objects.values_list("job_id", flat=True)) == jobs


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

    def test_a_job_that_killed_two_workers_fails(self):
        # Retries after exceptions do not count.
        number = begin_job(heartbeat_ago=40, attempts=7)
        with raised_figures() as raised:
            assert housekeeping.retry_stalled_jobs() == [number]
        assert raised == {"peps_job_lost_runs_total": 1}
        begin_again(number)
        with raised_figures() as raised:
            assert housekeeping.retry_stalled_jobs() == []
        assert self.status(number) == "failed"
        assert raised == {"peps_job_lost_runs_total": 1, "peps_jobs_failed_total": 1}

    def test_the_imports_of_a_dead_worker_start_again_one_by_one_and_are_charged(self):
        bystander = begin_job(heartbeat_ago=40)
        first, second = (begin_job(heartbeat_ago=40, queue="imports") for _ in range(2))
        assert housekeeping.retry_stalled_jobs() == [bystander, first, second]
        starts = dict(ProcrastinateJob.objects.values_list("pk", "scheduled_at"))
        assert abs((starts[bystander] - starts[first]).total_seconds()) < 5
        assert 25 < (starts[second] - starts[first]).total_seconds() < 35
        assert set(LostRun.objects.values_list("job_id", flat=True)) == {first, second}

    def test_one_conflicting_job_stops_no_other_rescue(self, monkeypatch):
        broken, sound = begin_job(heartbeat_ago=40), begin_job(heartbeat_ago=40)
        retry = app.job_manager.retry_job_by_id

        def conflict(job_id, *arguments):
            if job_id == broken:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1 / 0")
            return retry(job_id, *arguments)

        monkeypatch.setattr(app.job_manager, "retry_job_by_id", conflict)
        assert housekeeping.retry_stalled_jobs() == [sound]
        assert (self.status(broken), self.status(sound)) == ("doing", "todo")

    def test_a_stalled_job_whose_like_is_waiting_gives_way_to_it(self):
        stalled = defer_once("tests.remember", schema="c_nimes", queueing_lock="x", word="one")
        begin_again(stalled)
        waiting = defer_once("tests.remember", schema="c_nimes", queueing_lock="x", word="two")
        other = begin_job(heartbeat_ago=40)
        assert housekeeping.retry_stalled_jobs() == [other]
        assert (self.status(stalled), self.status(waiting)) == ("aborted", "todo")

    def test_none_is_judged_dead_just_after_an_outage(self, monkeypatch):
        number = begin_job(heartbeat_ago=40)
        outage = housekeeping.OutageClock()
        monkeypatch.setattr(housekeeping, "last_outage", outage)

        async def fail(**_):
            raise psycopg.OperationalError

        with monkeypatch.context() as away:
            away.setattr(app.job_manager, "get_stalled_jobs", fail)
            with pytest.raises(psycopg.OperationalError):
                housekeeping.retry_stalled_jobs()
        assert housekeeping.retry_stalled_jobs() == []
        outage.seen_at -= housekeeping.get_stall_timeout()
        assert housekeeping.retry_stalled_jobs() == [number]

    def test_a_process_that_lost_the_database_takes_its_jobs_up_without_charge(self):
        number = begin_job(heartbeat_ago=1)
        assert housekeeping.retry_own_jobs({number: 1}) == []
        assert housekeeping.retry_own_jobs({number: 0, number + 1: 0}) == [number]
        assert not LostRun.objects.exists()

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
            LostRun.objects.create(job_id=number, at=timezone.now())
            ended[number] = (status, days)
        housekeeping.prune_finished_jobs()
        left = {ended[number] for number in ProcrastinateJob.objects.values_list("pk", flat=True)}
        assert left == {("succeeded", 6), ("failed", 8), ("todo", 90)}
        assert LostRun.objects.count() == 3


def test_the_stopping_flag_is_false_until_a_worker_is_stopped():
    assert not shutdown_requested.is_set()
