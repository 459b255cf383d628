"""Look rows up by name and place: a handful of queries for all rows, then ranking row by row.

1. fetch the schools of the rows' places, and of the search scope for rows without a place;
2. correct communes without a school, which may be misspelt, and fetch the schools of the corrected ones;
3. correct words of names that no candidate school has.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schools.folding import fold
from schools.recognition import candidates
from schools.recognition.candidate_index import CandidateBlock, CandidateIndex
from schools.recognition.commune_corrections import CommuneNames, correct_by_words
from schools.recognition.list_home import NO_ROWS, SureRows, find_home_departements, find_home_level
from schools.recognition.name_parser import parse_name
from schools.recognition.places import SchoolPlace, find_communes, parse_place
from schools.recognition.ranking import RankedSchool, SchoolQuery, rank_schools, select_match
from schools.recognition.results import SchoolReference, SearchScope
from schools.spelling import find_corrections

# Unknown communes that are corrected: each is compared with those of a département, or with up to 19,000, some 0.6 ms.
_MAX_UNKNOWN_COMMUNES = 10_000


class LookupResult(NamedTuple):
    """Result of a look-up: the matched school, where almost certain, and the best candidates."""

    match: RankedSchool | None
    best: tuple[RankedSchool, ...]
    query: SchoolQuery


class Lookup:
    """Looks up rows; results by row key."""

    def __init__(
        self,
        rows: Sequence[SchoolReference],
        scope: SearchScope,
        mentioned: Iterable[candidates.CandidateSchool] = (),
        sure: SureRows = NO_ROWS,
    ) -> None:
        """Fetch the candidates and rank all rows.

        `mentioned`: schools of the rows' UAI, already fetched; `sure`: the rows of the list that need no look-up.
        """
        self._scope = scope
        self._corrections: dict[str, dict[str, int]] = {}
        self._index = CandidateIndex()
        self._queries: dict[int, list[SchoolQuery]] = {
            row.key: _build_hypotheses(row, scope.departements) for row in rows
        }
        self._index.add(mentioned)
        self._fetch()
        self._repair_communes(sure.departements)
        self._results: dict[int, LookupResult] = {}
        unsure: list[int] = []
        for key in self._queries:
            self._results[key] = self._rank(key)
            if self._results[key].match is None:
                unsure.append(key)
        self._repair_names(unsure)
        self._rerank_by_home(sure)

    def school(self, uai: str) -> candidates.CandidateSchool | None:
        """Return a fetched school, or None."""
        return self._index.by_uai.get(uai)

    def far(self, query: SchoolQuery, school: candidates.CandidateSchool) -> bool:
        """Return whether the row's place lies in another département than the school."""
        if query.place.departement:
            return school.departement != query.place.departement
        departements = self._index.departements_of(query.place.commune)
        return bool(departements) and school.departement not in departements

    def found(self, key: int) -> LookupResult:
        """Return the result for a row."""
        return self._results[key]

    def _all_queries(self) -> Iterable[SchoolQuery]:
        return itertools.chain.from_iterable(self._queries.values())

    def _fetch(self) -> None:
        places = [query.place for query in self._all_queries()]
        alone = [place for place in places if not place]
        self._index.add(
            candidates.fetch_candidates(
                postal_codes={place.postal_code for place in places if place.postal_code},
                communes={place.commune for place in places if place.commune},
                departements=set()
                if self._scope.uais or not alone
                else self._scope.departements | {place.departement for place in alone if place.departement},
                uais=self._scope.uais if alone else (),
            )
        )
        for key, hypotheses in self._queries.items():
            self._queries[key] = [
                query._replace(
                    communes=(query.place.commune,),
                    commune_known=True,
                    commune_departements=self._index.departements_of(query.place.commune),
                )
                if query.place.commune and self._index.has_commune(query.place.commune)
                else query
                for query in hypotheses
            ]

    def _repair_communes(self, sure: Sequence[str]) -> None:
        # By commune, the départements given beside it: each distinct commune is compared once.
        unknown: dict[str, set[str]] = {}
        for query in self._all_queries():
            if query.commune_is_unknown:
                unknown.setdefault(query.place.commune, set()).add(query.place.departement)
        if not unknown:
            return
        if len(unknown) > _MAX_UNKNOWN_COMMUNES:
            unknown = dict(sorted(unknown.items())[:_MAX_UNKNOWN_COMMUNES])
        nearest = find_corrections({word for commune in unknown for word in commune.split()})
        known_departements = [
            self._index.departements_of(query.place.commune) for query in self._all_queries() if query.commune_known
        ]
        home = find_home_departements(
            [*sure, *(departement for each in known_departements if len(each) == 1 for departement in each)]
        )
        around = home or self._scope.departements
        given = set().union(*unknown.values()) - {""}
        names = CommuneNames(candidates.list_communes(given | around) if given or around else ())
        corrections: dict[str, list[str]] = {}
        for commune, departements in unknown.items():
            where = frozenset(departements - {""}) | (around if "" in departements else frozenset())
            corrections[commune] = [
                *correct_by_words(commune, nearest),
                *names.find_near(commune, where),
                *names.find_longer(commune, where),
            ]
        self._index.add(
            candidates.fetch_candidates(
                communes={meaning for each in corrections.values() for meaning in each}, known=self._index.by_uai
            )
        )
        for key, hypotheses in self._queries.items():
            self._queries[key] = [
                query
                if not query.commune_is_unknown or query.place.commune not in corrections
                else query._replace(
                    communes=tuple(
                        dict.fromkeys(k for k in corrections[query.place.commune] if self._index.has_commune(k))
                    )
                )
                for query in hypotheses
            ]

    def _repair_names(self, unsure: Iterable[int]) -> None:
        unknown_words: dict[int, set[str]] = {}
        for key in unsure:
            words: set[str] = set()
            for query in self._queries[key]:
                block = self._block(query)
                words.update(word for word in query.reading.words if not block.knows(word))
            if words:
                unknown_words[key] = words
        if not unknown_words:
            return
        self._corrections = find_corrections(set().union(*unknown_words.values()))
        for key, words in unknown_words.items():
            if words & self._corrections.keys():
                self._results[key] = self._rank(key)

    def _rerank_by_home(self, sure: SureRows) -> None:
        """Rerank by what the rows of the list have in common: a few home départements, a level that none states."""
        meant = {key: found.match for key, found in self._results.items() if found.match is not None}
        home = find_home_departements(
            [*sure.departements, *(each.school.departement for each in meant.values() if not each.bare)]
        )
        level = find_home_level(
            [*sure.untold_levels, *(each.school.levels for key, each in meant.items() if self._states_no_level(key))]
        )
        if not home and not level:
            return
        for key, hypotheses in self._queries.items():
            homeless = not any(query.place.departement or query.home == home for query in hypotheses)
            if homeless:
                hypotheses = [query._replace(home=home) for query in hypotheses]  # noqa: PLW2901
            levelless = bool(level) and self._states_no_level(key)
            if levelless:
                hypotheses = [query._replace(home_level=level) for query in hypotheses]  # noqa: PLW2901
            self._queries[key] = hypotheses
            first = meant.get(key)
            if levelless or (
                homeless and (first is None or first.bare or first.school.departement not in home or not first.certain)
            ):
                self._results[key] = self._rank(key)

    def _states_no_level(self, key: int) -> bool:
        return not any(query.reading.states_level for query in self._queries[key])

    def _block(self, query: SchoolQuery) -> CandidateBlock:
        if query.place:
            return self._index.of_place(query.communes, query.place.postal_code)
        return self._index.of_scope(self._scope, query.place.departement)

    def _rank(self, key: int) -> LookupResult:
        best = LookupResult(None, (), self._queries[key][0])
        for query in self._queries[key]:
            block = self._block(query)
            found = rank_schools(query, block.likely(query.reading.words, self._corrections), self._corrections)
            meant = select_match(query, found, block)
            if meant is not None:
                return LookupResult(meant, tuple(found[:5]), query)
            if not best.best or (found and found[0].score > best.best[0].score):
                best = LookupResult(None, tuple(found[:5]), query)
        return best


def parse_reference(row: SchoolReference) -> SchoolQuery:
    """Parse a row into a query."""
    place = parse_place(row.commune, row.postal_code, row.departement)
    return SchoolQuery(parse_name(row.name, row.kind), place, street=fold(row.address))


def _build_hypotheses(row: SchoolReference, home: frozenset[str]) -> list[SchoolQuery]:
    alone = parse_reference(row)._replace(home=home)
    if alone.place or not row.name:
        return [alone]
    # The commune may be part of the name: « Jean Jaurès - Nîmes ».
    inside = [
        alone._replace(reading=parse_name(name, row.kind), place=SchoolPlace(commune, "", alone.place.departement))
        for commune, name in find_communes(row.name)
    ]
    return [*inside, alone]
