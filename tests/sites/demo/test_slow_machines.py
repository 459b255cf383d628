"""The demonstration on a slow machine: what goes on is waited for, and what does not is told of."""

import itertools
import sys
from types import SimpleNamespace

import pytest
from django.db import connection

from jobs.tasks import defer
from sites.demo import processes
from sites.demo.processes import NothingHappens, ProcessNotStarted, run_process, wait_for_work

SLEEPER = [sys.executable, "-c", "import time; print('En route', flush=True); time.sleep(600)"]


@pytest.fixture
def looks(monkeypatch, settings, tmp_path):
    """Twenty seconds pass between two looks, of which the list has an entry each."""
    settings.DATA = tmp_path
    seen: list[int] = []
    clock = SimpleNamespace(monotonic=lambda: 20.0 * len(seen), sleep=lambda _: seen.append(1))
    monkeypatch.setattr(processes, "time", clock)
    return seen


def test_a_process_that_takes_minutes_to_listen_is_waited_for(looks, monkeypatch):
    monkeypatch.setattr(processes, "is_port_taken", lambda _: len(looks) == 20)
    with run_process("lent", SLEEPER, port=1):
        assert len(looks) == 20


def test_a_process_that_never_listens_is_reported(looks, monkeypatch):
    monkeypatch.setattr(processes, "is_port_taken", lambda _: False)
    sentence = "« muet » n'a pas démarré : rien n'écoute au port 8025 après 620 s"
    with pytest.raises(ProcessNotStarted, match=sentence), run_process("muet", SLEEPER, port=8025):
        pytest.fail("it was taken for started")


def test_a_process_that_ends_is_reported_at_once_with_its_log(settings, tmp_path):
    settings.DATA = tmp_path
    command = [sys.executable, "-c", "import sys; print('Le port est pris'); sys.exit(3)"]
    sentence, port = r"arrêté avec le code 3 après [0-9]+ s(.|\n)*Le port est pris", processes.find_free_port()
    with pytest.raises(ProcessNotStarted, match=sentence), run_process("perdu", command, port=port):
        pytest.fail("it was taken for started")


def test_work_is_waited_for_while_jobs_begin_and_end(nimes, looks):
    job, states = defer("mailing.drain", schema="c_nimes"), itertools.cycle(["doing", "todo"])

    def has_ended():
        if len(looks) % 5 == 0:
            with connection.cursor() as cursor:
                cursor.execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", [next(states), job])
        return len(looks) == 40

    wait_for_work(has_ended, "le courrier part")
    assert len(looks) == 40


def test_work_that_stands_still_is_reported_with_its_jobs(nimes, looks):
    defer("mailing.drain", schema="c_nimes")
    with pytest.raises(NothingHappens, match=r"pendant 140 s : le courrier part\. Tâches : .*mailing\.drain todo 1"):
        wait_for_work(lambda: False, "le courrier part")
