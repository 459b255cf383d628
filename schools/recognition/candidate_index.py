"""Index of the fetched candidate schools, by place and by word."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from schools.recognition.candidates import CandidateSchool
from schools.recognition.results import SearchScope

# Blocks up to this size are compared in full.
_MAX_FULL_SCAN = 24
# Words of more schools than this are not used to select candidates, where a rarer one exists.
_MAX_WORD_SCHOOLS = 150


class CandidateBlock:
    """A block of candidate schools, indexed by the words of their names."""

    __slots__ = ("_by_word", "schools")

    def __init__(self, schools: Sequence[CandidateSchool]) -> None:
        self.schools = schools
        self._by_word: dict[str, list[CandidateSchool]] | None = None

    @property
    def by_word(self) -> dict[str, list[CandidateSchool]]:
        """Schools by word of their names; schools without a distinctive word also under the empty string."""
        if self._by_word is None:
            self._by_word = {}
            for school in self.schools:
                words = set(school.reading.words)
                if not school.strong:
                    # « École » in Fresnes is also found by « École de Fresnes ».
                    words |= {"", *school.commune_key.split()}
                for word in words:
                    self._by_word.setdefault(word, []).append(school)
        return self._by_word

    def likely(
        self, words: Iterable[str], spelling_corrections: dict[str, dict[str, int]]
    ) -> Iterable[CandidateSchool]:
        """Return the schools that share a word with a row; all of a small block; without words, those without any."""
        if len(self.schools) <= _MAX_FULL_SCAN:
            return self.schools
        terms = set(words)
        if not terms:
            return self.by_word.get("", ())
        for word in list(terms):
            terms |= spelling_corrections.get(word, {}).keys()
        lists = sorted((self.by_word[word] for word in terms if word in self.by_word), key=len)
        rare = [each for each in lists if len(each) <= _MAX_WORD_SCHOOLS] or lists[:1]
        return {school.uai: school for school in itertools.chain(*rare)}.values()

    def knows(self, word: str) -> bool:
        """Return whether a school of the block has the word."""
        if len(self.schools) <= _MAX_FULL_SCAN:
            return any(word in school.reading.words for school in self.schools)
        return word in self.by_word


class CandidateIndex:
    """The fetched candidate schools, in blocks by place and by search scope."""

    def __init__(self) -> None:
        self.by_uai: dict[str, CandidateSchool] = {}
        self._by_commune: dict[str, list[CandidateSchool]] = {}
        self._by_postal_code: dict[str, list[CandidateSchool]] = {}
        self._by_departement: dict[str, list[CandidateSchool]] = {}
        self._blocks: dict[object, CandidateBlock] = {}
        self._departements: dict[str, frozenset[str]] = {}

    def add(self, schools: Iterable[CandidateSchool]) -> None:
        """Add schools that are not in the index yet."""
        for school in schools:
            if school.uai in self.by_uai:
                continue
            self.by_uai[school.uai] = school
            self._by_commune.setdefault(school.commune_key, []).append(school)
            self._by_departement.setdefault(school.departement, []).append(school)
            if school.postal_code:
                self._by_postal_code.setdefault(school.postal_code, []).append(school)
        self._blocks.clear()
        self._departements.clear()

    def has_commune(self, key: str) -> bool:
        """Return whether a fetched school lies in the commune."""
        return key in self._by_commune

    def departements_of(self, commune: str) -> frozenset[str]:
        """Return the départements of the fetched schools of the commune."""
        if commune not in self._departements:
            self._departements[commune] = frozenset(s.departement for s in self._by_commune.get(commune, ()))
        return self._departements[commune]

    def of_place(self, communes: tuple[str, ...], postal_code: str) -> CandidateBlock:
        """Return the block of the communes and of the postal code."""
        key = (communes, postal_code)
        if key not in self._blocks:
            lists = [self._by_commune.get(commune, []) for commune in communes]
            if postal_code:
                lists.append(self._by_postal_code.get(postal_code, []))
            self._blocks[key] = CandidateBlock(list({s.uai: s for s in itertools.chain(*lists)}.values()))
        return self._blocks[key]

    def of_scope(self, scope: SearchScope, departement: str) -> CandidateBlock:
        """Return the block for a name without a place: the search scope, narrowed to the département if given."""
        key = (None, departement)
        if key not in self._blocks:
            if scope.uais:
                schools = [school for uai in scope.uais if (school := self.by_uai.get(uai)) is not None]
                schools = [school for school in schools if departement in ("", school.departement)]
            elif departement and scope.departements and departement not in scope.departements:
                schools = []
            else:
                departements = [departement] if departement else scope.departements
                schools = [school for each in departements for school in self._by_departement.get(each, ())]
            self._blocks[key] = CandidateBlock(schools)
        return self._blocks[key]
