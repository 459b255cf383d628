"""Whether what a row says beside its UAI confirms the school of that UAI, or speaks of another. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from schools.folding import fold, slips
from schools.recognition import vocabulary as said
from schools.recognition.likeness import ADJACENT, level_of
from schools.recognition.naming import read, telling
from schools.recognition.places import PARTED_BY_DISTRICTS, commune_key, departement_of, departement_of_uai

if TYPE_CHECKING:
    from schools.recognition.answers import Named
    from schools.recognition.known import Glance, Known
    from schools.recognition.ranking import Asked


class Word(enum.Enum):
    """What one part of a row says of a school."""

    CONFIRMS = "confirms"
    #: Nothing is said, or nothing that tells.
    SILENT = "silent"
    #: Otherwise, but as the same school may be told of: renamed, in a part of the commune.
    DIFFERS = "differs"
    #: Another level, another commune.
    DENIES = "denies"


#: What stands in names and tells no school from another.
_NO_MATTER = frozenset({*said.EMPTY, *said.SCHOOL, *said.SECTORS, *said.HOLY, "st", "ste"})
_LEVELS = frozenset(said.LEVELS)
#: A shorter word is another word with one letter changed.
_LONG_ENOUGH: Final = 4


def at_a_glance(row: Named, glance: Glance) -> bool:
    """Whether nothing that the row says is against the school, as far as the cheapest comparisons tell.

    The same commune, or the same postal code where no commune is told; the same département; and a name of the same
    words, where one is told. A row that says nothing of these is not looked at here.
    """
    if not (row.name or row.commune or row.postal_code) or not _at_a_glance_there(row, glance):
        return False
    if not row.name or row.name == glance.name:
        return True
    folded = fold(row.name)
    if folded == glance.name_folded:
        return True
    told, known = set(folded.split()), set(glance.name_folded.split())
    return (told ^ known) <= _NO_MATTER and bool((told & known) - _NO_MATTER - _LEVELS)


def _at_a_glance_there(row: Named, glance: Glance) -> bool:
    if row.departement and departement_of(row.departement) != departement_of_uai(glance.uai):
        return False
    other_code = bool(row.postal_code) and row.postal_code != glance.postal_code
    if not row.commune:
        return not other_code
    if row.commune != glance.commune and commune_key(row.commune) != glance.commune_key:
        return False
    # Another postal code of the same commune's: a CEDEX, but no arrondissement.
    near = row.postal_code[:2] == glance.postal_code[:2] and glance.commune_key not in PARTED_BY_DISTRICTS
    return near or not other_code


def tells(name: str) -> bool:
    """Whether a name has a word that tells one school from another, unlike « École primaire »."""
    return bool(read(name).words)


def by_name(asked: Asked, school: Known) -> Word:
    """Return what a row's name says of the school."""
    row = asked.reading
    if not (row.words or row.levels or row.either or row.beside):
        return Word.SILENT
    against = (
        level_of(row, school) < ADJACENT
        or bool(row.marks and school.marks and not row.marks & school.marks)
        or bool(row.beside) != bool(school.reading.beside)
    )
    strong, _ = telling(row.words, school.commune_key)
    if not strong or not school.strong:
        # « École primaire » tells nothing, whether the directory has a name for it or not.
        return Word.DENIES if against else Word.SILENT
    shared = {word: other for word in strong for other in school.strong if _alike(word, other)}
    shares = (
        any(not {word, other} & said.FIRST_NAMES for word, other in shared.items())
        or shared.keys() == set(strong)
        or len(shared) >= len(set(school.strong))
        or "".join(strong) == "".join(school.strong)
    )
    if not shares:
        return Word.DIFFERS
    return Word.DENIES if against else Word.CONFIRMS


def _alike(word: str, other: str) -> bool:
    if word == other:
        return True
    if len(word) < _LONG_ENOUGH or abs(len(word) - len(other)) > 2:  # noqa: PLR2004 - no more than two slips
        return False
    return slips(word, other) <= (2 if len(word) >= 2 * _LONG_ENOUGH else 1)


def by_place(asked: Asked, school: Known) -> Word:
    """Return what a row's place says of the school."""
    place = asked.place
    same_code = bool(place.postal_code) and place.postal_code == school.postal_code
    if place.departement and not same_code and school.departement != place.departement:
        return Word.DENIES
    if not place:
        return Word.SILENT
    if place.commune and _one_commune(place.commune, school.commune_key):
        districts = school.commune_key in PARTED_BY_DISTRICTS and place.postal_code[:3] == school.postal_code[:3]
        return Word.DIFFERS if districts and not same_code else Word.CONFIRMS
    if same_code:
        return Word.DIFFERS if asked.commune_known else Word.CONFIRMS
    # Another postal code of the département may be a CEDEX, and a commune without schools a part of this one.
    return Word.DENIES if place.commune and asked.commune_known else Word.DIFFERS


def _one_commune(told: str, known: str) -> bool:
    """Whether two names are likely one commune's: misspelt, or before and after a merger: Évry, Évry-Courcouronnes."""
    if told == known or told.startswith(known + " ") or known.startswith(told + " "):
        return True
    return abs(len(told) - len(known)) <= 2 and slips(told, known) <= (2 if len(known) >= 2 * _LONG_ENOUGH else 1)  # noqa: PLR2004
