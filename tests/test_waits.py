"""How long a test waits: by the work that the machine has, and not by the clock."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests import waits
from tests.waits import NotInTime, is_reached, wait_for_exit, wait_until


@pytest.fixture
def machine(monkeypatch):
    """A machine whose clock goes on by ten seconds between two looks: `share` says which of them are without work."""
    machine = SimpleNamespace(now=0.0, idle=0.0, share=0.0, received=[])

    def sleep(_seconds):
        machine.now += 10
        machine.idle += 10 * machine.share

    monkeypatch.setattr(waits, "time", SimpleNamespace(monotonic=lambda: machine.now, sleep=sleep))
    monkeypatch.setattr(waits, "_get_idle_s", lambda: machine.idle)
    return machine


@pytest.mark.parametrize(("share", "waited"), [(1.0, 70), (0.5, 130), (0.0, 610)])
def test_what_does_not_come_is_waited_for_as_long_as_the_machine_is_busy(machine, share, waited):
    machine.share = share
    with pytest.raises(NotInTime, match=f"is None after {waited} s, in {waited * share:.0f} of which"):
        wait_until(lambda: None)
    assert not is_reached(lambda: None)


def test_what_comes_late_on_a_busy_machine_is_not_missed(machine):
    machine.share = 0.1
    assert wait_until(lambda: machine.now > 400 and "it") == "it"


def test_the_failure_says_what_was_waited_for(machine):
    machine.share = 1.0
    with pytest.raises(NotInTime, match=r"len\(machine.received\) == 3"):
        wait_until(lambda: len(machine.received) == 3)
    with pytest.raises(NotInTime, match="some_condition"):
        wait_until(some_condition)


def some_condition():
    return False


def test_a_process_is_waited_for_until_it_ends():
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], text=True) as process:
        assert wait_for_exit(process) == 3
