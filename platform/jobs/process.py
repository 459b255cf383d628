"""What concerns a process that handles large lists as a whole: its shutdown and hold flags, its garbage collector."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

#: Set when the worker receives SIGTERM or SIGINT. Tasks that process many items check it between two items, release
#: those they have not started, and return.
shutdown_requested = threading.Event()

#: Set while the database is held as a restored copy: the workers of this process take no more jobs.
hold_found = threading.Event()

#: Allocations between two collections of the youngest generation. A list of 60,000 rows is some millions of objects
#: without cycles: with Python's default threshold the collector takes a fifth of the run time.
GC_THRESHOLD = 200_000


def raise_gc_threshold() -> None:
    """Make the garbage collector of this process run less often."""
    _, middle, oldest = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, middle, oldest)


@contextlib.contextmanager
def disable_gc() -> Iterator[None]:
    """Disable the garbage collector for the duration of the block.

    Hundreds of thousands of cells and rows make no cycles, yet every collection traverses all of them: half the time of
    a large import, a third of the recognition of its schools. Reference counting still frees everything else.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
