"""Which allocations get no automatic reminders any more, as their schools wished: told by an app above."""

from __future__ import annotations

from collections.abc import Callable, Collection

_queries: list[Callable[[Collection[int]], set[int]]] = []


def register(find: Callable[[Collection[int]], set[int]]) -> None:
    """Have reminders by hand mention the allocations that this query finds among others."""
    _queries.append(find)


def find_stopped(allocation_ids: Collection[int]) -> set[int]:
    """Return those of the allocations whose school stopped its automatic reminders."""
    return {number for find in _queries for number in find(allocation_ids)}
