"""Look rows up by name and place: a handful of queries for all rows, then ranking row by row.

1. fetch the schools of the rows' places, and of the search scope for rows without a place;
2. correct communes without a school, which may be misspelt, and fetch the schools of the corrected ones;
3. correct words of names that no candidate school has.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from schools.folding import fold
from schools.queries import find_corrections
from schools.recognition import SchoolReference, SearchScope, candidates, vocabulary
from schools.recognition.candidates import CandidateBlock, CandidateIndex
from schools.recognition.name_parser import parse_name
from schools.recognition.places import SchoolPlace, find_communes, parse_place
from schools.recognition.ranking import RankedSchool, SchoolQuery, rank_schools, select_match

# What the rows of a list have in common: their départements, and the level of the schools that they name without it.
#
# Pure.

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


# Communes that an unknown one may mean.
#
# By words of the directory; by letters among those of its départements; and those whose names begin with it, as
# communes that merged or were renamed: « Évry » is « Évry-Courcouronnes ».

# Corrections of a commune by words: each word has several.
_MAX_CORRECTIONS, _MAX_WORD_CORRECTIONS = 16, 6
# Minimum length of a commune's name for an edit distance of 2, and of 1.
_LONG, _SHORT = 10, 5
_MAX_DISTANCE = 2
_ARTICLES = ("le", "la", "les", "l")


class CommuneNames:
    """The names of communes, to find those within edit distance 2 of a misspelt one.

    A name is compared only with those of its départements that are at most two letters longer or shorter.
    """

    def __init__(self, communes: Sequence[tuple[str, str]]) -> None:
        """Take `communes`: pairs of a département and the key of a commune."""
        self._communes = communes
        # By départements, then by number of letters, the letters of each key.
        self._letters: dict[frozenset[str], dict[int, dict[str, str]]] = {}
        self._by_first_word: dict[str, list[tuple[str, str]]] = {}
        for each in communes:
            self._by_first_word.setdefault(each[1].split()[0], []).append(each)

    def find_near(self, commune: str, departements: frozenset[str]) -> list[str]:
        """Return the keys of those communes of the départements that `commune` may misspell, nearest first."""
        if departements not in self._letters:
            self._letters[departements] = self._group(departements)
        by_length = self._letters[departements]
        letters = commune.replace(" ", "")
        found: list[tuple[float, str]] = []
        for length in range(max(len(letters) - _MAX_DISTANCE, _SHORT), len(letters) + _MAX_DISTANCE + 1):
            most = _MAX_DISTANCE if length >= _LONG else 1
            near = process.extract(
                letters, by_length.get(length, {}), scorer=OSA.distance, score_cutoff=most, limit=None
            )
            found += [(distance, key) for _, distance, key in near]
        return [key for _, key in sorted(found)]

    def find_longer(self, commune: str, departements: frozenset[str]) -> list[str]:
        """Return the keys of those communes of the départements that begin with the words of `commune`."""
        return sorted(
            {
                key
                for departement, key in self._by_first_word.get(commune.split(maxsplit=1)[0], ())
                if departement in departements and key.startswith(f"{commune} ")
            }
        )

    def _group(self, departements: frozenset[str]) -> dict[int, dict[str, str]]:
        by_length: dict[int, dict[str, str]] = {}
        for departement, key in self._communes:
            if departement in departements:
                # Without spaces: « Rosny-sousBois ».
                letters = key.replace(" ", "")
                by_length.setdefault(len(letters), {})[key] = letters
        return by_length


def correct_by_words(commune: str, nearest: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return candidate keys for a misspelt commune, including itself with and without article.

    `nearest`: the corrections of each word.
    """
    choices = [[word, *itertools.islice(nearest.get(word, ()), _MAX_WORD_CORRECTIONS)] for word in commune.split()]
    keys = [" ".join(words) for words in itertools.islice(itertools.product(*choices), _MAX_CORRECTIONS)]
    first, _, rest = commune.partition(" ")
    if rest and first in _ARTICLES:
        keys.append(rest)
    elif first not in _ARTICLES:
        keys += [f"{article} {commune}" for article in _ARTICLES]
    return keys


# Unknown communes that are corrected: each is compared with those of a département, or with up to 19,000, some 0.6 ms.
_MAX_UNKNOWN_COMMUNES = 10_000


#: Candidates of a row that are kept.
MAX_BEST = 5


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
                return LookupResult(meant, self._select_offered(query, found), query)
            if not best.best or (found and found[0].score > best.best[0].score):
                best = LookupResult(None, self._select_offered(query, found), query)
        return best

    def _select_offered(self, query: SchoolQuery, found: Sequence[RankedSchool]) -> tuple[RankedSchool, ...]:
        if not self._scope.offers_nurseries and query.reading.levels != vocabulary.NURSERY:
            found = [each for each in found if each.school.levels != (vocabulary.NURSERY,)]
        return tuple(found[:MAX_BEST])


def parse_reference(row: SchoolReference) -> SchoolQuery:
    """Parse a row into a query."""
    place = parse_place(row.commune, row.postal_code, row.departement)
    is_named = any(map(str.isalpha, row.name))
    return SchoolQuery(parse_name(row.name, row.kind), place, street=fold(row.address), is_named=is_named)


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
