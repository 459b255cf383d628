"""All damaged files, made from one directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Each module registers its file makers on import.
from bench.damaged import coded, groupings, manners, named, shuffled, traps  # noqa: F401
from bench.damaged.material import Material, makers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.damaged.directory import Directory
    from bench.damaged.truth import DamagedFile


def damaged_files(directory: Directory, *, size: int, seed: int = 2026) -> Iterator[DamagedFile]:
    """Make every file, the same ones from the same directory and seed, of some `size` rows each."""
    for make in makers():
        yield make(Material(directory, make.__name__, size, seed))
