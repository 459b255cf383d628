"""Which schools the report names: those where no class can be recognised by what is said of its school.

With fewer than `MIN_LICENCES`, who teaches one of the classes knows from the school's figures what the other does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from licensing.pools.year_use import YearUse

MIN_LICENCES = 3
#: A group of one school would be that school.
_MIN_GROUPED = 2


class GroupedSchools(NamedTuple):
    """The schools that are not named: how many, and what they have together."""

    schools: int
    use: YearUse


class SplitSchools(NamedTuple):
    """UAI and use of the schools that are named, those with the most classes first; and the others, if any."""

    named: list[tuple[str, YearUse]]
    grouped: GroupedSchools | None


def add_up(uses: Iterable[YearUse]) -> YearUse:
    """Return the sum of what schools have."""
    given = redeemed = used = 0
    for one in uses:
        given += one.given
        redeemed += one.redeemed
        used += one.used
    return YearUse(given, redeemed, used)


def tells_use(use: YearUse) -> bool:
    """Whether how many licences are used may be told of so many."""
    return use.given >= MIN_LICENCES


def split_schools(uses: Mapping[str, YearUse]) -> SplitSchools:
    """Return which schools are named, and the group of the others.

    A group that would not hide its schools takes in the smallest of the others until it does. Where all of them
    together are too few, none is named and there is no group.
    """
    smallest_first = sorted(uses.items(), key=lambda entry: (entry[1].given, entry[0]))
    if not tells_use(add_up(uses.values())):
        return SplitSchools([], None)
    size = sum(not tells_use(use) for use in uses.values())
    while size and size < len(smallest_first) and not _hides(smallest_first[:size]):
        size += 1
    hidden, named = smallest_first[:size], smallest_first[size:]
    named.sort(key=lambda entry: (-entry[1].used, -entry[1].given, entry[0]))
    return SplitSchools(named, GroupedSchools(size, add_up(use for _, use in hidden)) if size else None)


def _hides(entries: list[tuple[str, YearUse]]) -> bool:
    return len(entries) >= _MIN_GROUPED and tells_use(add_up(use for _, use in entries))
