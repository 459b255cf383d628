"""What the cells of a column look like, whatever its title. Pure."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from imports.reading.cells import text_of
from imports.reading.emails import read_email
from imports.reading.numbers import is_quantity
from schools import uai
from schools.folding import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imports.readers.sheets import Cell, Row

#: From this share of filled cells on, a column is what its cells are.
MOST = 0.6
#: Below it, a title alone does not make a column of UAI or numbers: « Code établissement » may be any code.
SOME = 0.2
#: What is longer is a sentence.
LONGEST = 60
#: What is looked at of a very wide table.
MOST_COLUMNS = 300
MOST_CELLS = 30_000
FEWEST_ROWS = 50
FEWEST_DIGITS = 5
#: More letters than « RNE 0301234X » has: a name stands beside the UAI.
MOST_LETTERS_OF_A_CODE = 4


class Look:
    """What one cell may be; it may be several things. Plain numbers: flags of an enumeration take most of the time."""

    UAI = 1
    #: No valid UAI, but what becomes of one: a zero or the letter lost, a letter mistaken.
    DAMAGED_UAI = 1 << 1
    #: As damaged, and nothing but digits: many other numbers look so.
    BARE_UAI = 1 << 2
    EMAIL = 1 << 3
    PHONE = 1 << 4
    POSTAL_CODE = 1 << 5
    #: As most postal codes end, and few codes of INSEE.
    ROUND = 1 << 6
    #: « 30000 Nîmes »: both in one cell.
    POSTAL_TOWN = 1 << 7
    DEPARTEMENT = 1 << 8
    QUANTITY = 1 << 9
    YEAR = 1 << 10
    #: A kind of school and nothing else, or with a name beside it.
    KIND = 1 << 11
    SCHOOL = 1 << 12
    TEXT = 1 << 13
    COMMUNE = 1 << 14


_DAMAGED = re.compile(r"0?[0-9OIL]{5,7}[A-Z]")
_BETWEEN = re.compile(r"[\s-]+")
_YEAR = re.compile(r"19[89][0-9]|20[0-4][0-9]")
_BARE = re.compile(r"[0-9]{7}")
_POSTAL = re.compile(r"(?:0[1-9]|[1-8][0-9]|9[0-8])[0-9]{3}|[1-9][0-9]{3}")
POSTAL_TOWN = re.compile(r"(?:F ?- ?)?([0-9]{5})[ ,-]+([^\W\d].*)|([^\W\d].*?)[ ,-]+\(?([0-9]{5})\)?")
_PHONE = re.compile(r"(?:(?:\+|00) ?33|0)? ?[1-9](?:[ .\-/]?[0-9]){8}")
_DEPARTEMENT = re.compile(r"0[0-9]{2}|0?2[ABab]|97[1-8]")
_PLACE_NOISE = re.compile(r"\b(cedex( \d+)?|\d+ ?(e|er|eme)?( arrondissement)?|[0-9]{5})\b")
#: What a school's kind is made of.
_KINDS = frozenset(
    """
    ecole ecoles elementaire elem primaire prim maternelle mat college clg lycee lyc groupe scolaire gs eepu empu eppu
    epu eepr empr eppr ee em ep ec publique public pu privee prive pr professionnel general polyvalent regroupement rpi
    intercommunal annexe application cite e m p
    """.split()  # noqa: SIM905 - a list of forty quoted words is read by nobody
)
#: The words among them that may stand elsewhere too: by themselves they do not say « a school ».
_TELLING = _KINDS - frozenset(
    """
    ec ee em ep pu pr publique public privee prive general e m p mat gs annexe cite application groupe
    """.split()  # noqa: SIM905
)
#: They say it where they come first: « EE Jean Jaurès ».
_BEGINNING = frozenset({"ec", "ee", "em", "ep", "gs", "groupe"})
_NO_DEPARTEMENT = range(96, 971)


def look_of(cell: Cell) -> int:
    """Return what a cell looks like; nothing at all where it is empty. Communes are told by `place_of`."""
    if isinstance(cell, bool):
        return 0
    return _look(text_of(cell))


@lru_cache(maxsize=8192)
def _bare_place(text: str) -> tuple[str, str]:
    folded = fold(text)
    return folded, " ".join(_PLACE_NOISE.sub(" ", folded).split())


def place_of(text: str, communes: frozenset[str]) -> str:
    """Return the folded commune that a text names, « NÎMES CEDEX 2 », « Paris 13e »; "" where none is known so."""
    if not text or len(text) > LONGEST:
        return ""
    folded, bare = _bare_place(text)
    for candidate in (folded, bare, _written_out(bare), _article_first(bare)):
        if candidate in communes:
            return candidate
    return ""


def _written_out(folded: str) -> str:
    return re.sub(r"\bst(e?)\b", r"saint\1", folded)


def _article_first(folded: str) -> str:
    words = folded.split()
    return " ".join([words[-1], *words[:-1]]) if words and words[-1] in ("le", "la", "les", "l") else folded


@lru_cache(maxsize=16384)
def _look(text: str) -> int:
    if not text:
        return 0
    look = 0
    if "@" in text:
        # « ce.0301234x@… » holds a UAI and is none.
        return Look.EMAIL if isinstance(read_email(text), str) else look
    if any(map(str.isdecimal, text)):
        look |= _numeric(text)
    letters = sum(map(str.isalpha, text))
    coded_name = look & Look.UAI and letters > MOST_LETTERS_OF_A_CODE
    if coded_name or (not look and letters * 2 > len(text) - text.count(" ")):
        look |= Look.TEXT | _wording(text)
    elif letters and not look & (Look.UAI | Look.DAMAGED_UAI):
        look |= _wording(text)
    return look


def _numeric(text: str) -> int:
    """Return what a text with digits looks like."""
    look = _coded(text)
    if _POSTAL.fullmatch(text):
        look |= Look.POSTAL_CODE
        if text.endswith("0"):
            look |= Look.ROUND
        if _YEAR.fullmatch(text):
            look |= Look.YEAR
    elif _PHONE.fullmatch(text):
        look |= Look.PHONE
    elif len(text) <= LONGEST and POSTAL_TOWN.fullmatch(text):
        look |= Look.POSTAL_TOWN | Look.TEXT
    if _DEPARTEMENT.fullmatch(text):
        look |= Look.DEPARTEMENT
    if is_quantity(text):
        look |= Look.QUANTITY
    return look


def _coded(text: str) -> int:
    """Return how much a text looks like a UAI."""
    if sum(map(str.isdecimal, text)) < FEWEST_DIGITS:
        return 0
    if len(text) <= LONGEST and uai.find(text):
        return Look.UAI
    tidy = _BETWEEN.sub("", text).upper()
    if _DAMAGED.fullmatch(tidy) and sum(map(str.isdigit, tidy)) >= FEWEST_DIGITS:
        return Look.DAMAGED_UAI
    if tidy == text and _BARE.fullmatch(tidy) and int(text[:3]) not in _NO_DEPARTEMENT and text[:3] != "000":
        return Look.BARE_UAI
    return 0


def _wording(text: str) -> int:
    if len(text) > 2 * LONGEST:
        return 0
    words = fold(text).split()
    begins = bool(words) and words[0] in _BEGINNING
    if not begins and not any(word in _TELLING for word in words):
        return 0
    if all(word in _KINDS for word in words):
        return Look.KIND | Look.SCHOOL
    return Look.SCHOOL


class Column:
    """One column of a sample: how much of it looks like what."""

    def __init__(self, cells: Sequence[Cell], communes: frozenset[str]) -> None:
        self.texts = [text for cell in cells if (text := text_of(cell))]
        # Counted once: a column has few looks, and adding flags is slow.
        self._looks = Counter(look_of(cell) for cell in cells if str(cell).strip())
        self._communes = communes
        self._shares: dict[tuple[int, ...], float] = {}

    @property
    def empty(self) -> bool:
        """Tell whether nothing stands in it."""
        return not self.texts

    def share(self, *kinds: int) -> float:
        """Return the share of the filled cells that look like one of these; 0 where it is empty."""
        if not self.texts:
            return 0.0
        if kinds not in self._shares:
            wanted = sum(kinds)
            hits = sum(number for look, number in self._looks.items() if look & wanted)
            if kinds == (Look.COMMUNE,):
                hits = sum(bool(place_of(text, self._communes)) for text in self.texts)
            self._shares[kinds] = hits / len(self.texts)
        return self._shares[kinds]

    @property
    def distinct(self) -> float:
        """Return how many of its texts differ, as a share."""
        return len(set(self.texts)) / len(self.texts) if self.texts else 0.0

    @property
    def counts_up(self) -> bool:
        """Tell whether it numbers the rows: 1, 2, 3… beginning anywhere, with a gap now and then, and none twice."""
        numbers = [int(text) for text in self.texts if text.isdecimal() and len(text) < 7]  # noqa: PLR2004
        if len(numbers) < 4 or len(set(numbers)) < 0.9 * len(self.texts):  # noqa: PLR2004
            return False
        steps = [after - before for before, after in pairwise(numbers)]
        return sum(step == 1 for step in steps) >= 0.8 * len(steps)


def columns_of(sample: Sequence[Row], width: int, communes: frozenset[str]) -> list[Column]:
    """Return the columns of a sample of rows, blank where a row is shorter.

    Of a very wide table fewer rows are looked at, and the columns beyond `MOST_COLUMNS` not at all.
    """
    width = min(width, MOST_COLUMNS)
    sample = sample[: max(FEWEST_ROWS, MOST_CELLS // max(width, 1))]
    return [Column([row[i] if i < len(row) else "" for row in sample], communes) for i in range(width)]
