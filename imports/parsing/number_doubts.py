"""Reasons why a column of numbers under a fitting title may count another thing. Pure.

Each function returns a French sentence, or "" where nothing speaks against the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from imports.formats.sheet_types import CellRow
from imports.meanings import Meaning
from imports.parsing.cells import cell_to_text
from imports.parsing.column_mapping import column_letters
from imports.parsing.column_titles import title_words
from imports.parsing.number_table import NumberColumn
from imports.parsing.number_titles import Part, is_generic
from imports.parsing.quantities import parse_quantity
from imports.parsing.title_patterns import KNOWN_WORDS
from schools.folding import fold

#: Of fewer numbers, each from 1 on may stand once by chance.
MIN_RANKS = 8
_OPENED = re.compile(r"\bouver")
_CLOSED = re.compile(r"\bferme")
_NURSERY_PART = re.compile(r"dont .*\b(maternelles?|mat|preelementaires?|petites?|tps|ps|ms|gs|cycle (1|i))\b")
_PACKS = re.compile(r"\b(packs?|paquets?|carnets?|bouquets?|coffrets?|(lots?|kits?) de [0-9]+)\b")
_NUMBER_FOR_EACH = re.compile(
    r"\b([0-9]{1,3}) (?:licence|abonnement|cle)s? (?:(?:pour|a) )?(?:par|chaque|chacune?)\b"
    r"(?! (?:classe|enseignant|eleve))"
)


def find_titled_doubt(meaning: Meaning, column: NumberColumn, others: Sequence[NumberColumn]) -> str:
    """Return what the titles of a column and of those beside it say against its numbers."""
    title, generic = fold(column.title.text or column.title.parent), is_generic(column.title)
    if meaning is Meaning.UNITS and column.described.part is Part.PAST:
        return "Son titre parle de licences d'avant, et non de celles à donner."
    if meaning is Meaning.UNITS and _PACKS.search(title):
        return "Son titre compte des lots, dont chacun peut valoir plusieurs licences."
    if meaning is Meaning.UNITS and generic and _names_another_thing(column.title.parent):
        return "Son titre ne parle pas de licences."
    if meaning is Meaning.UNITS and not generic:
        return ""
    closed = next((other for other in others if _CLOSED.search(fold(other.title.text))), None)
    if closed is not None and _OPENED.search(title):
        return f"À côté de {_name(closed)}, elle compte sans doute les ouvertures de la rentrée."
    nursery = next((other for other in others if _counts_nursery_part(other) and other is not column), None)
    return f"Elle compte aussi la maternelle : {_name(nursery)}." if nursery is not None else ""


def find_ranks(counts: Sequence[int]) -> str:
    """Return a sentence where the numbers are those from 1 on, each of them once."""
    if len(counts) < MIN_RANKS or sorted(counts) != [*range(1, len(counts) + 1)]:
        return ""
    return f"Ses nombres vont de 1 à {len(counts)}, chacun une seule fois : ils numérotent sans doute les lignes."


def find_number_for_each(meaning: Meaning, column: NumberColumn, banner: Iterable[CellRow]) -> str:
    """Return a sentence where the rows above a table grant a number that its column does not give."""
    if meaning is Meaning.UNITS and not is_generic(column.title):
        return ""
    for row in banner:
        for text in map(cell_to_text, row):
            found = _NUMBER_FOR_EACH.search(fold(text))
            if found is not None and set(column.counts) != {parse_quantity(found[1])}:
                return f"Au-dessus du tableau, le fichier dit « {' '.join(text.split())[:80]} »."
    return ""


def _names_another_thing(parent: str) -> bool:
    """Whether no word of a title is one of those that titles of schools and licences have: « Tablettes »."""
    words = [word for word in title_words(parent) if not word.isdecimal()]
    return bool(words) and not any(word in KNOWN_WORDS["all"] for word in words)


def _counts_nursery_part(column: NumberColumn) -> bool:
    own = fold(column.title.child or column.title.text)
    return any(column.counts) and _NURSERY_PART.match(own) is not None


def _name(column: NumberColumn) -> str:
    return f"« {column.title.text} » ({column_letters(column.position)})"
