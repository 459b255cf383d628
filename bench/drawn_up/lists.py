"""All lists that were drawn up, made from one directory, and those with a truth beside the project."""

from collections.abc import Iterator
from pathlib import Path

from bench.damaged.directory import SchoolDirectory

# Each module registers its lists on import.
from bench.drawn_up import (  # noqa: F401
    ambiguous_numbers,
    awkward_shapes,
    misleading_rows,
    misleading_titles,
    network_lists,
    town_hall_lists,
)
from bench.drawn_up.drafts import ListDraft, list_makers
from bench.drawn_up.expectations import DrawnUpList, load_list


def drawn_up_lists(directory: SchoolDirectory, *, seed: int = 2026) -> Iterator[DrawnUpList]:
    """Make every list, the same ones from the same directory and seed."""
    for make in list_makers():
        yield make(ListDraft(directory, make.__name__, seed))


def shared_lists(folder: Path) -> Iterator[DrawnUpList]:
    """Return the lists of a folder that have their truth beside them; none where it is absent."""
    for truth in sorted(folder.glob("*.truth.json")):
        yield load_list(truth.with_name(truth.name.removesuffix(".truth.json")))
