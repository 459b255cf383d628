"""What the rows of a list have in common: their départements, and the level of the schools that they name without it.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from schools.recognition import vocabulary

# A list has a home where it has this many rows, and this share of them in at most 13 départements (a région). It has a
# level where this share of the rows that state none has it: « Jean Moulin » is then a collège, too.
_MIN_ROWS, _MAX_DEPARTEMENTS, _MIN_SHARE = 10, 13, 0.9


class SureRows(NamedTuple):
    """What the rows of a list tell whose school is certain by its UAI."""

    departements: Sequence[str] = ()
    #: Levels of the schools whose rows state none.
    untold_levels: Sequence[tuple[int, ...]] = ()


NO_ROWS = SureRows()


def find_home_departements(departements: Collection[str]) -> frozenset[str]:
    """Return the few départements in which a list lies; empty where it is short or spread over the country."""
    if len(departements) < _MIN_ROWS:
        return frozenset()
    counts = Counter(departements)
    home = frozenset(each for each, count in counts.items() if count >= max(2, len(departements) // 50))
    rows_at_home = sum(counts[each] for each in home) >= _MIN_SHARE * len(departements)
    return home if rows_at_home and len(home) <= _MAX_DEPARTEMENTS else frozenset()


def find_home_level(levels: Iterable[tuple[int, ...]]) -> int:
    """Return `PRIMARY`, `COLLEGE` or `LYCEE` where nearly all of these schools are of that level, else 0."""
    counts = Counter(
        next((level for level in (vocabulary.PRIMARY, vocabulary.COLLEGE, vocabulary.LYCEE) if each[0] & level), 0)
        for each in levels
        if each
    )
    if counts.total() < _MIN_ROWS:
        return 0
    [(level, count)] = counts.most_common(1)
    return level if count >= _MIN_SHARE * counts.total() else 0
