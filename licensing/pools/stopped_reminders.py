"""Which allocations get no automatic reminders any more, as their schools wished: told by an app above."""

from __future__ import annotations

from collections.abc import Callable, Collection

from core.registry import Registry

stopped_queries: Registry[Callable[[Collection[int]], set[int]]] = Registry("query of stopped reminders")


def find_stopped(allocation_ids: Collection[int]) -> set[int]:
    """Return those of the allocations whose school stopped its automatic reminders."""
    return {number for find in stopped_queries.values() for number in find(allocation_ids)}
