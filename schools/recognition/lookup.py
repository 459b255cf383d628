"""Looking rows up by name and place: a handful of statements for all of them, then ranked one by one.

1. the schools of the places that the rows name, and of the scope where a row names none;
2. the words of communes that have no school, as they may be misspelt, and the schools of what they may mean;
3. the words of names that none of the surrounding schools bears, likewise.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from schools.folding import fold, slips
from schools.recognition import known
from schools.recognition.naming import read
from schools.recognition.places import Place, place_of, places_in
from schools.recognition.ranking import Asked, Ranked, decide, ranked
from schools.recognition.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from schools.recognition.answers import Named, Scope
    from schools.recognition.surroundings import Block

_MOST_MEANINGS = 16
# Letters of a commune's name that may bear two slips, and one.
_LONG, _SHORT = 10, 5
# A list lies in a few départements, those of a région at most, where of so many rows this share does.
_FEWEST_AT_HOME, _MOST_AT_HOME, _SHARE_AT_HOME = 10, 13, 0.9
_ARTICLES = ("le", "la", "les", "l")


class Found(NamedTuple):
    """What a look-up found: the school that was meant, where that is as good as certain, and the likeliest ones."""

    meant: Ranked | None
    likeliest: tuple[Ranked, ...]
    asked: Asked


class Lookup:
    """The rows looked up, by their keys; each is ranked when it is asked for."""

    def __init__(
        self, rows: Sequence[Named], scope: Scope, mentioned: Iterable[known.Known] = (), sure: Sequence[str] = ()
    ) -> None:
        """Fetch what the rows need.

        `mentioned`: the schools of their UAI, which were fetched before; `sure`: the départements of the rows of the
        list that need no look-up.
        """
        self._scope = scope
        self._slips: dict[str, dict[str, int]] = {}
        self._around = Surroundings()
        self._asked: dict[int, list[Asked]] = {row.key: _hypotheses(row, scope.departements) for row in rows}
        self._around.add(mentioned)
        self._fetch()
        self._repair_communes(sure)
        self._found: dict[int, Found] = {}
        unsure: list[int] = []
        for key in self._asked:
            self._found[key] = self._look_up(key)
            if self._found[key].meant is None:
                unsure.append(key)
        self._repair_names(unsure)
        self._come_home(sure)

    def school(self, uai: str) -> known.Known | None:
        """Return a school that was fetched."""
        return self._around.by_uai.get(uai)

    def far(self, asked: Asked, school: known.Known) -> bool:
        """Whether the place that a row tells lies in another département than the school."""
        if asked.place.departement:
            return school.departement != asked.place.departement
        departements = self._around.departements_of(asked.place.commune)
        return bool(departements) and school.departement not in departements

    def found(self, key: int) -> Found:
        """Return what a row means by its name and place."""
        return self._found[key]

    def _everything(self) -> Iterable[Asked]:
        return itertools.chain.from_iterable(self._asked.values())

    def _fetch(self) -> None:
        places = [asked.place for asked in self._everything()]
        alone = [place for place in places if not place]
        self._around.add(
            known.near(
                postal_codes={place.postal_code for place in places if place.postal_code},
                communes={place.commune for place in places if place.commune},
                departements=set()
                if self._scope.uais or not alone
                else self._scope.departements | {place.departement for place in alone if place.departement},
                uais=self._scope.uais if alone else (),
            )
        )
        for key, hypotheses in self._asked.items():
            self._asked[key] = [
                asked._replace(communes=(asked.place.commune,), commune_known=True)
                if asked.place.commune and self._around.has_commune(asked.place.commune)
                else asked
                for asked in hypotheses
            ]

    def _repair_communes(self, sure: Sequence[str]) -> None:
        lost = {
            asked.place.commune: asked.place.departement
            for asked in self._everything()
            if asked.place.commune and not asked.commune_known and not asked.place.postal_code
        }
        if not lost:
            return
        nearest = known.nearest_words({word for commune in lost for word in commune.split()})
        there = [
            self._around.departements_of(asked.place.commune) for asked in self._everything() if asked.commune_known
        ]
        home = _home_of([*sure, *(departement for each in there if len(each) == 1 for departement in each)])
        around = {*lost.values(), *(home or self._scope.departements)} - {""}
        near = known.communes(around) if around else []
        meanings = {
            commune: (*_meanings(commune, nearest), *(key for key in near if _misspells(commune, key)))
            for commune in lost
        }
        self._around.add(known.near(communes={meaning for each in meanings.values() for meaning in each}))
        for key, hypotheses in self._asked.items():
            self._asked[key] = [
                asked
                if asked.communes or asked.place.commune not in meanings
                else asked._replace(
                    communes=tuple(k for k in meanings[asked.place.commune] if self._around.has_commune(k))
                )
                for asked in hypotheses
            ]

    def _repair_names(self, unsure: Iterable[int]) -> None:
        sought: dict[int, set[str]] = {}
        for key in unsure:
            words: set[str] = set()
            for asked in self._asked[key]:
                block = self._block(asked)
                words.update(word for word in asked.reading.words if not block.knows(word))
            if words:
                sought[key] = words
        if not sought:
            return
        self._slips = known.nearest_words(set().union(*sought.values()))
        for key, words in sought.items():
            if words & self._slips.keys():
                self._found[key] = self._look_up(key)

    def _come_home(self, sure: Sequence[str]) -> None:
        """Rank anew, where the whole list lies in a few départements, the rows that may mean a school elsewhere."""
        meant = {key: found.meant for key, found in self._found.items() if found.meant is not None}
        home = _home_of([*sure, *(each.school.departement for each in meant.values() if not each.bare)])
        if not home:
            return
        for key, hypotheses in self._asked.items():
            if any(asked.place.departement or asked.home == home for asked in hypotheses):
                continue
            self._asked[key] = [asked._replace(home=home) for asked in hypotheses]
            first = meant.get(key)
            if first is None or first.bare or first.school.departement not in home:
                self._found[key] = self._look_up(key)

    def _block(self, asked: Asked) -> Block:
        if asked.place:
            return self._around.of_place(asked.communes, asked.place.postal_code)
        return self._around.of_scope(self._scope, asked.place.departement)

    def _look_up(self, key: int) -> Found:
        best = Found(None, (), self._asked[key][0])
        for asked in self._asked[key]:
            block = self._block(asked)
            found = ranked(asked, block.likely(asked.reading.words, self._slips), self._slips)
            meant = decide(asked, found, block)
            if meant is not None:
                return Found(meant, tuple(found[:5]), asked)
            if not best.likeliest or (found and found[0].score > best.likeliest[0].score):
                best = Found(None, tuple(found[:5]), asked)
        return best


def asked_of(row: Named) -> Asked:
    """Return what a row says of its school, read."""
    place = place_of(row.commune, row.postal_code, row.departement)
    return Asked(read(row.name, row.kind), place, street=fold(row.address))


def _home_of(departements: Collection[str]) -> frozenset[str]:
    """Return the few départements in which a list lies; none where it is short, or lies all over the country."""
    if len(departements) < _FEWEST_AT_HOME:
        return frozenset()
    counts = Counter(departements)
    home = frozenset(each for each, count in counts.items() if count >= max(2, len(departements) // 50))
    lies_there = sum(counts[each] for each in home) >= _SHARE_AT_HOME * len(departements)
    return home if lies_there and len(home) <= _MOST_AT_HOME else frozenset()


def _hypotheses(row: Named, home: frozenset[str]) -> list[Asked]:
    alone = asked_of(row)._replace(home=home)
    if alone.place or not row.name:
        return [alone]
    # The commune may stand in the name: « Jean Jaurès - Nîmes ».
    inside = [
        alone._replace(reading=read(name, row.kind), place=Place(commune, "", alone.place.departement))
        for commune, name in places_in(row.name)
    ]
    return [*inside, alone]


def _misspells(one: str, other: str) -> bool:
    """Whether a commune may be another, misspelt or its words parted otherwise: « Rosny-sousBois »."""
    mine, its = one.replace(" ", ""), other.replace(" ", "")
    most = 2 if len(its) >= _LONG else 1
    return len(its) >= _SHORT and abs(len(mine) - len(its)) <= most and slips(mine, its) <= most


def _meanings(commune: str, nearest: dict[str, dict[str, int]]) -> tuple[str, ...]:
    """Return the keys of the communes that a misspelt one may be, itself with or without its article among them."""
    choices = [[word, *itertools.islice(nearest.get(word, ()), 6)] for word in commune.split()]
    keys = [" ".join(words) for words in itertools.islice(itertools.product(*choices), _MOST_MEANINGS)]
    first, _, rest = commune.partition(" ")
    if rest and first in _ARTICLES:
        keys.append(rest)
    elif first not in _ARTICLES:
        keys += [f"{article} {commune}" for article in _ARTICLES]
    return tuple(dict.fromkeys(keys))
