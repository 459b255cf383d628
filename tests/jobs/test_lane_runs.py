"""The runs of one lane, without a process: held, without a database, and while it stops."""

import asyncio
from types import SimpleNamespace

import psycopg
import pytest

from installation.hold import HoldCause
from jobs import worker
from jobs.tasks import Lane

LaneRunner = worker._LaneRunner  # noqa: SLF001 - the worker's parts alone, whose whole is a process


@pytest.fixture
def runner(monkeypatch):
    """A lane that nothing holds, and that waits for nothing before it begins again."""
    monkeypatch.setattr(worker, "find_hold", lambda: None)
    monkeypatch.setattr(worker, "_RECONNECT_DELAY", 0)
    return LaneRunner(Lane(("tests",), 1))


def record_runs(monkeypatch, *failures):
    """Have a run of the lane note itself only; the first ones fail."""
    runs = []

    async def note(_runner, *, until_idle):
        runs.append(until_idle)
        if len(runs) <= len(failures):
            raise failures[len(runs) - 1]

    monkeypatch.setattr(LaneRunner, "_run_until_failure", note)
    return runs


def run(runner, *, give_up_after=60):
    asyncio.run(runner.run(until_idle=True, give_up_after=give_up_after))


def test_a_lane_of_a_copy_takes_no_job_and_says_so(runner, monkeypatch, caplog):
    runs = record_runs(monkeypatch)
    with monkeypatch.context() as held:
        held.setattr(worker, "find_hold", lambda: HoldCause.BY_HAND)
        run(runner)
    assert runs == []
    assert "may be a copy (BY_HAND)" in caplog.text
    run(runner)
    assert runs == [True]


def test_a_lane_that_loses_the_database_begins_again(runner, monkeypatch):
    runs = record_runs(monkeypatch, psycopg.OperationalError(), psycopg.OperationalError())
    run(runner)
    assert len(runs) == 3


def test_a_lane_without_a_database_gives_up(runner, monkeypatch):
    record_runs(monkeypatch, *[psycopg.OperationalError()] * 3)
    with pytest.raises(worker.DatabaseUnavailable, match="The database has been away"):
        run(runner, give_up_after=0)


def test_a_worker_that_is_stopping_goes_on_beating(runner, settings):
    settings.JOBS_HEARTBEAT = 0
    beats = []

    async def update_heartbeat(worker_id):
        beats.append(worker_id)
        if len(beats) == 3:
            raise asyncio.CancelledError

    queue = SimpleNamespace(job_manager=SimpleNamespace(update_heartbeat=update_heartbeat))
    runner.stop()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(runner._beat(queue, SimpleNamespace(worker_id=7)))  # noqa: SLF001
    assert beats == [7, 7, 7]
