"""How a process that works through large lists keeps its memory in order."""

from __future__ import annotations

import gc

#: Objects made between two looks for cycles among the youngest. A list of 60,000 rows is some millions of objects,
#: none of them in a cycle: at Python's own pace the collector walks them again and again, a fifth of the whole time.
OBJECTS = 200_000


def collect_seldom() -> None:
    """Have this process look for cycles less often. What no cycle holds is freed at once, as ever."""
    _, middle, oldest = gc.get_threshold()
    gc.set_threshold(OBJECTS, middle, oldest)
