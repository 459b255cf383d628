"""Which schools ask the current collectivity for licences and wait for its answer: told by an app above."""

from __future__ import annotations

from collections.abc import Callable

from core.registry import Registry

asking_queries: Registry[Callable[[], set[str]]] = Registry("query of schools that ask")


def find_asking() -> set[str]:
    """Return the UAIs of the schools whose request waits for the current collectivity. One query."""
    return {uai for find in asking_queries.values() for uai in find()}
