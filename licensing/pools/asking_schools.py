"""Which schools ask the current collectivity for licences and wait for its answer: told by an app above."""

from __future__ import annotations

from collections.abc import Callable

_queries: list[Callable[[], set[str]]] = []


def register(find: Callable[[], set[str]]) -> None:
    """Have nothing asked in bulk of the schools that this query finds, by UAI."""
    _queries.append(find)


def find_asking() -> set[str]:
    """Return the UAIs of the schools whose request waits for the current collectivity. One query."""
    return {uai for find in _queries for uai in find()}
