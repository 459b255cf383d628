"""The processor's time that work took: the same on a busy machine, on which the clock goes on."""

import time

import psutil

from core import bounded_process


def get_processor_s() -> float:
    """Return the seconds that this process used so far, and the functions that it had run in child processes."""
    return time.process_time() + get_children_s()


def get_children_s() -> float:
    """Return the seconds used by the running server of `bounded_process`, and by its children that ended."""
    server = bounded_process.server.running
    if server is None:
        return 0.0
    used = psutil.Process(server.process.pid).cpu_times()
    return used.user + used.system + used.children_user + used.children_system
