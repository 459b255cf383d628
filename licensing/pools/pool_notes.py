"""What apps above say of each pool on the page of pools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from core.registry import Registry


class PoolNote(NamedTuple):
    """A sentence on a pool, and the page where more is said."""

    sentence: str
    label: str
    url: str


note_queries: Registry[Callable[[], Mapping[int, PoolNote]]] = Registry("query of notes on pools")


def list_notes() -> dict[int, list[PoolNote]]:
    """Return the notes of each pool of the current collectivity."""
    notes: dict[int, list[PoolNote]] = {}
    for describe in note_queries.values():
        for pool_id, note in describe().items():
            notes.setdefault(pool_id, []).append(note)
    return notes
