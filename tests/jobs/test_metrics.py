"""What a worker counts, and gives to whoever has the token."""

import contextlib
import datetime
import http.client
import socket
import threading
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from procrastinate import RetryStrategy
from procrastinate.jobs import Job
from prometheus_client import REGISTRY

from jobs import periodic_tasks
from jobs.periodic_tasks import measure_job
from jobs.tasks import defer
from jobs.worker import serve_metrics
from sites.demo.processes import find_free_port
from tests.waits import LAST_S, wait_until
from tests.workers import running_worker

TOKEN = "jeton-de-prometheus-0123456789abcdef"


def ask(port, token=TOKEN):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LAST_S)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def build_context(attempts, retry):
    job = Job(id=1, queue="mail", lock=None, queueing_lock=None, task_name="mailing.drain", attempts=attempts)
    task = SimpleNamespace(
        get_retry_exception=lambda exception, job: retry and retry.get_retry_exception(exception=exception, job=job)
    )
    return SimpleNamespace(app=SimpleNamespace(tasks={"mailing.drain": task}), job=job)


@pytest.mark.parametrize(
    ("error", "attempts", "outcome"),
    [(None, 0, "succeeded"), (ValueError, 0, "retried"), (ValueError, 3, "failed"), (KeyboardInterrupt, 3, "failed")],
)
def test_a_run_is_counted_by_its_outcome(error, attempts, outcome):
    def count():
        labels = {"queue": "mail", "task": "mailing.drain", "outcome": outcome}
        return REGISTRY.get_sample_value("peps_job_seconds_count", labels) or 0

    before = count()
    ends = pytest.raises(error) if error else contextlib.nullcontext()
    with ends, measure_job(build_context(attempts, RetryStrategy(max_attempts=3))):
        if error is not None:
            raise error
    assert count() == before + 1


def test_a_periodic_task_that_fails_is_counted(db, monkeypatch):
    def queue_due():
        raise ZeroDivisionError

    stop = threading.Event()
    before = REGISTRY.get_sample_value("peps_periodic_failures_total", {"task": "queue_due"})
    monkeypatch.setattr(periodic_tasks, "close_old_connections", lambda: None)
    monkeypatch.setattr("jobs.periodic_tasks.connection.close", stop.set)
    tasks = [periodic_tasks.PeriodicTask(one, datetime.timedelta(hours=1)) for one in (queue_due, stop.set)]
    monkeypatch.setattr(periodic_tasks, "registered_tasks", tasks)
    periodic_tasks.run_periodic_tasks(stop)
    assert REGISTRY.get_sample_value("peps_periodic_failures_total", {"task": "queue_due"}) == before + 1


def test_the_figures_are_given_to_who_has_the_token(settings):
    settings.METRICS_TOKEN = TOKEN
    port = find_free_port()
    with serve_metrics("127.0.0.1", port):
        assert ask(port, "")[0] == ask(port, "another")[0] == 401
        status, body = ask(port)
        assert status == 200
        assert "# TYPE peps_job_seconds histogram" in body
        assert "process_resident_memory_bytes" in body
    with pytest.raises(OSError, match="refused"):
        ask(port)


@pytest.fixture
def no_worker(db, monkeypatch):
    """The command's worker does not run, and this process keeps its timeouts."""
    monkeypatch.setattr("jobs.worker.run", lambda **_options: pytest.fail("the worker runs"))
    monkeypatch.setattr("jobs.management.commands.worker.apply_timeouts", lambda *_: None)


@pytest.mark.parametrize(
    ("token", "address", "refusal"),
    [
        ("", "127.0.0.1:9101", "METRICS_TOKEN"),
        (TOKEN, "9101", "HOST:PORT"),
        (TOKEN, "127.0.0.1:port", "HOST:PORT"),
        (TOKEN, "127.0.0.1:99999", "No figures can be given"),
    ],
)
@pytest.mark.usefixtures("no_worker")
def test_an_address_that_cannot_serve_stops_the_start(settings, token, address, refusal):
    settings.METRICS_TOKEN = token
    with pytest.raises(CommandError, match=refusal):
        call_command("worker", metrics=address)


@pytest.mark.usefixtures("no_worker")
def test_a_port_that_is_taken_stops_the_start(settings):
    settings.METRICS_TOKEN = TOKEN
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(CommandError, match="No figures"):
        call_command("worker", metrics=f"127.0.0.1:{other.getsockname()[1]}")


@pytest.mark.slow
def test_a_worker_gives_what_its_jobs_did(committing):
    defer("mailing.drain", schema="c_nimes")
    port = find_free_port()
    wanted = 'peps_job_seconds_count{outcome="succeeded",queue="mail_bulk",task="mailing.drain"} 1.0'
    with running_worker("--metrics", f"127.0.0.1:{port}", METRICS_TOKEN=TOKEN):

        def has_counted():
            try:
                return wanted in ask(port)[1]
            except OSError:
                return False

        wait_until(has_counted)
