"""Waits for what must happen: none ends because the machine is slow, all end where nothing happens any more."""

import inspect
import time
from collections.abc import Callable
from subprocess import Popen
from typing import Any

import psutil

#: Seconds without work for a processor, after which what is waited for does not come.
IDLE_S = 60.0
#: Seconds after which a wait ends on the busiest machine.
LAST_S = 600.0
_LOOK_S = 0.02


class NotInTime(AssertionError):
    """What a test waited for did not happen."""


def wait_until[T](condition: Callable[[], T], *, idle_s: float = IDLE_S, last_s: float = LAST_S) -> T:
    """Wait until the condition returns something true, and return that. Raises `NotInTime`, which says what it was.

    The bound is time in which a processor had nothing to do: on a busy machine the same takes longer.
    """
    started, idle_at_start = time.monotonic(), _get_idle_s()
    while not (result := condition()):
        waited, idle = time.monotonic() - started, _get_idle_s() - idle_at_start
        if idle > idle_s or waited > last_s:
            bound = f"{waited:.0f} s, in {idle:.0f} of which a processor was idle"
            raise NotInTime(f"{_describe(condition)}\nis {result!r} after {bound}.")
        time.sleep(_LOOK_S)
    return result


def is_reached(condition: Callable[[], object]) -> bool:
    """Wait as `wait_until` does; return whether the condition came true, for who notes several failures."""
    try:
        wait_until(condition)
    except NotInTime:
        return False
    return True


def wait_for_exit(process: Popen[Any]) -> int:
    """Wait until the process ends by itself; return its code. Raises `NotInTime`."""
    wait_until(lambda: process.poll() is not None)
    return process.returncode


def _get_idle_s() -> float:
    """Return the seconds that one processor of this machine, on average, had nothing to do."""
    return psutil.cpu_times().idle / (psutil.cpu_count() or 1)


def _describe(condition: Callable[[], object]) -> str:
    if getattr(condition, "__name__", "") == "<lambda>":
        return inspect.getsource(condition).strip()
    return repr(condition)
