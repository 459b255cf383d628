"""What apps above say of each pool on the page of pools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple


class PoolNote(NamedTuple):
    """A sentence on a pool, and the page where more is said."""

    sentence: str
    label: str
    url: str


_descriptions: list[Callable[[], Mapping[int, PoolNote]]] = []


def register(describe: Callable[[], Mapping[int, PoolNote]]) -> None:
    """Have the page of pools show these notes, by primary key of the pool."""
    _descriptions.append(describe)


def list_notes() -> dict[int, list[PoolNote]]:
    """Return the notes of each pool of the current collectivity."""
    notes: dict[int, list[PoolNote]] = {}
    for describe in _descriptions:
        for pool_id, note in describe().items():
            notes.setdefault(pool_id, []).append(note)
    return notes
