"""The schools among which rows are looked up: those of the places that the rows name, and of the scope."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from schools.recognition.answers import Scope
    from schools.recognition.known import Known

# A block so small is compared whole.
_SMALL = 24
# A word that so many schools of a block bear does not lead to any of them, where a rarer one does.
_COMMON = 150


class Block:
    """Schools that a row may mean, found by the words that they bear."""

    __slots__ = ("_by_word", "schools")

    def __init__(self, schools: Sequence[Known]) -> None:
        self.schools = schools
        self._by_word: dict[str, list[Known]] | None = None

    @property
    def by_word(self) -> dict[str, list[Known]]:
        """The schools by each word of their names; those without one, by the empty word."""
        if self._by_word is None:
            self._by_word = {}
            for school in self.schools:
                words = set(school.reading.words)
                if not school.strong:
                    # « École » in Fresnes is what « École de Fresnes » means, and what « École » may.
                    words |= {"", *school.commune_key.split()}
                for word in words:
                    self._by_word.setdefault(word, []).append(school)
        return self._by_word

    def likely(self, words: Iterable[str], slips: dict[str, dict[str, int]]) -> Iterable[Known]:
        """Return the schools that share a word with a row's, or all of a small block, or those that no word tells."""
        if len(self.schools) <= _SMALL:
            return self.schools
        meant = set(words)
        if not meant:
            return self.by_word.get("", ())
        for word in list(meant):
            meant |= slips.get(word, {}).keys()
        lists = sorted((self.by_word[word] for word in meant if word in self.by_word), key=len)
        rare = [each for each in lists if len(each) <= _COMMON] or lists[:1]
        return {school.uai: school for school in itertools.chain(*rare)}.values()

    def knows(self, word: str) -> bool:
        """Whether a school bears the word."""
        if len(self.schools) <= _SMALL:
            return any(word in school.reading.words for school in self.schools)
        return word in self.by_word


class Surroundings:
    """What was fetched for some rows, by place and by scope."""

    def __init__(self) -> None:
        self.by_uai: dict[str, Known] = {}
        self._by_commune: dict[str, list[Known]] = {}
        self._by_postal_code: dict[str, list[Known]] = {}
        self._by_departement: dict[str, list[Known]] = {}
        self._blocks: dict[object, Block] = {}

    def add(self, schools: Iterable[Known]) -> None:
        """Take in what was fetched; what is there already is left alone."""
        for school in schools:
            if school.uai in self.by_uai:
                continue
            self.by_uai[school.uai] = school
            self._by_commune.setdefault(school.commune_key, []).append(school)
            self._by_departement.setdefault(school.departement, []).append(school)
            if school.postal_code:
                self._by_postal_code.setdefault(school.postal_code, []).append(school)
        self._blocks.clear()

    def has_commune(self, key: str) -> bool:
        """Whether a school that was fetched lies in the commune."""
        return key in self._by_commune

    def departements_of(self, commune: str) -> frozenset[str]:
        """Return the codes of the départements that have a commune of this key with a school."""
        return frozenset(school.departement for school in self._by_commune.get(commune, ()))

    def of_place(self, communes: tuple[str, ...], postal_code: str) -> Block:
        """Return the schools of the communes and of the postal code."""
        asked = (communes, postal_code)
        if asked not in self._blocks:
            lists = [self._by_commune.get(key, []) for key in communes]
            if postal_code:
                lists.append(self._by_postal_code.get(postal_code, []))
            self._blocks[asked] = Block(list({s.uai: s for s in itertools.chain(*lists)}.values()))
        return self._blocks[asked]

    def of_scope(self, scope: Scope, departement: str) -> Block:
        """Return the schools among which a name alone is searched, narrowed to a département where one is told."""
        asked = (None, departement)
        if asked not in self._blocks:
            if scope.uais:
                schools = [school for uai in scope.uais if (school := self.by_uai.get(uai)) is not None]
                schools = [school for school in schools if departement in ("", school.departement)]
            elif departement and scope.departements and departement not in scope.departements:
                schools = []
            else:
                around = [departement] if departement else scope.departements
                schools = [school for each in around for school in self._by_departement.get(each, ())]
            self._blocks[asked] = Block(schools)
        return self._blocks[asked]
