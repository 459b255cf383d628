"""Classify cells by content, independently of the column's title. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from imports.cells import CellType, cell_to_text, is_quantity, parse_email
from imports.formats.sheet_types import CellRow, CellValue
from schools import uai
from schools.folding import fold

#: Longer texts are sentences.
MAX_TEXT_LENGTH = 60
#: Limits of the sample of a very wide sheet.
MAX_SAMPLED_COLUMNS = 300
MAX_SAMPLED_CELLS = 30_000
MIN_SAMPLED_ROWS = 50
MIN_CODE_DIGITS = 5
#: With more letters than « RNE 0301234X », there is a name beside the UAI.
MAX_CODE_LETTERS = 4


_DAMAGED_CODE = re.compile(r"0?[0-9OIL]{5,7}[A-Z]")
_CODE_SEPARATORS = re.compile(r"[\s-]+")
_YEAR = re.compile(r"19[89][0-9]|20[0-4][0-9]")
_BARE_CODE = re.compile(r"[0-9]{7}")
_POSTAL = re.compile(r"(?:0[1-9]|[1-8][0-9]|9[0-8])[0-9]{3}|[1-9][0-9]{3}")
POSTAL_TOWN = re.compile(r"(?:F ?- ?)?([0-9]{5})[ ,-]+([^\W\d].*)|([^\W\d].*?)[ ,-]+\(?([0-9]{5})\)?")
_PHONE = re.compile(r"(?:(?:\+|00) ?33|0)? ?[1-9](?:[ .\-/]?[0-9]){8}")
_DEPARTEMENT = re.compile(r"0[0-9]{2}|0?2[ABab]|97[1-8]")
_PLACE_NOISE = re.compile(r"\b(cedex( \d+)?|\d+ ?(e|er|eme)?( arrondissement)?|[0-9]{5})\b")
#: Words of a school's kind.
_KIND_WORDS = frozenset(
    """
    ecole ecoles elementaire elem primaire prim maternelle mat college clg lycee lyc groupe scolaire gs eepu empu eppu
    epu eepr empr eppr ee em ep ec publique public pu privee prive pr professionnel general polyvalent regroupement rpi
    intercommunal annexe application cite e m p
    """.split()  # noqa: SIM905 - forty quoted words would be unreadable
)
#: Those that identify a school by themselves: the words subtracted here occur in other texts too.
_SCHOOL_WORDS = _KIND_WORDS - frozenset(
    """
    ec ee em ep pu pr publique public privee prive general e m p mat gs annexe cite application groupe
    """.split()  # noqa: SIM905
)
#: Words that identify a school as the first word: « EE Jean Jaurès ».
_LEADING_SCHOOL_WORDS = frozenset({"ec", "ee", "em", "ep", "gs", "groupe"})
_UNUSED_DEPARTEMENTS = range(96, 971)


def classify_cell(cell: CellValue) -> int:
    """Return the types of a cell, 0 where it is empty. For communes see `match_commune`."""
    if isinstance(cell, bool):
        return 0
    return _classify(cell_to_text(cell))


@lru_cache(maxsize=8192)
def _fold_place(text: str) -> tuple[str, str]:
    folded = fold(text)
    return folded, " ".join(_PLACE_NOISE.sub(" ", folded).split())


def match_commune(text: str, communes: frozenset[str]) -> str:
    """Return the folded commune in a text such as « NÎMES CEDEX 2 » or « Paris 13e », "" where none is known."""
    if not text or len(text) > MAX_TEXT_LENGTH:
        return ""
    folded, bare = _fold_place(text)
    for candidate in (folded, bare, _expand_saint(bare), _move_article_first(bare)):
        if candidate in communes:
            return candidate
    return ""


def _expand_saint(folded: str) -> str:
    return re.sub(r"\bst(e?)\b", r"saint\1", folded)


def _move_article_first(folded: str) -> str:
    words = folded.split()
    return " ".join([words[-1], *words[:-1]]) if words and words[-1] in ("le", "la", "les", "l") else folded


@lru_cache(maxsize=16384)
def _classify(text: str) -> int:
    if not text:
        return 0
    types = 0
    if "@" in text:
        # « ce.0301234x@… » contains a UAI and is none.
        return CellType.EMAIL if isinstance(parse_email(text), str) else types
    if any(map(str.isdecimal, text)):
        types |= _classify_number(text)
    letters = sum(map(str.isalpha, text))
    code_with_name = types & CellType.UAI and letters > MAX_CODE_LETTERS
    if code_with_name or (not types and letters * 2 > len(text) - text.count(" ")):
        types |= CellType.TEXT | _classify_words(text)
    elif letters and not types & (CellType.UAI | CellType.DAMAGED_UAI):
        types |= _classify_words(text)
    return types


def _classify_number(text: str) -> int:
    """Return the types of a text with digits."""
    types = _classify_code(text)
    if _POSTAL.fullmatch(text):
        types |= CellType.POSTAL_CODE
        if text.endswith("0"):
            types |= CellType.ROUND
        if _YEAR.fullmatch(text):
            types |= CellType.YEAR
    elif _PHONE.fullmatch(text):
        types |= CellType.PHONE
    elif len(text) <= MAX_TEXT_LENGTH and POSTAL_TOWN.fullmatch(text):
        types |= CellType.POSTAL_TOWN | CellType.TEXT
    if _DEPARTEMENT.fullmatch(text):
        types |= CellType.DEPARTEMENT
    if is_quantity(text):
        types |= CellType.QUANTITY
    return types


def _classify_code(text: str) -> int:
    """Return which type of UAI a text is, 0 for none."""
    if sum(map(str.isdecimal, text)) < MIN_CODE_DIGITS:
        return 0
    if len(text) <= MAX_TEXT_LENGTH and uai.find_all(text):
        return CellType.UAI
    tidy = _CODE_SEPARATORS.sub("", text).upper()
    if _DAMAGED_CODE.fullmatch(tidy) and sum(map(str.isdigit, tidy)) >= MIN_CODE_DIGITS:
        return CellType.DAMAGED_UAI
    if tidy == text and _BARE_CODE.fullmatch(tidy) and int(text[:3]) not in _UNUSED_DEPARTEMENTS and text[:3] != "000":
        return CellType.BARE_UAI
    return 0


def _classify_words(text: str) -> int:
    if len(text) > 2 * MAX_TEXT_LENGTH:
        return 0
    words = fold(text).split()
    leads = bool(words) and words[0] in _LEADING_SCHOOL_WORDS
    if not leads and not any(word in _SCHOOL_WORDS for word in words):
        return 0
    if all(word in _KIND_WORDS for word in words):
        return CellType.KIND | CellType.SCHOOL
    return CellType.SCHOOL


class ColumnSample:
    """One column of the sampled rows, and the share of each type of cell."""

    def __init__(self, cells: Sequence[CellValue], communes: frozenset[str]) -> None:
        self.texts = [text for cell in cells if (text := cell_to_text(cell))]
        # Counted once: a column has few combinations of types, and `share` is called often.
        self._type_counts = Counter(classify_cell(cell) for cell in cells if str(cell).strip())
        self._communes = communes
        self._shares: dict[tuple[int, ...], float] = {}

    @property
    def empty(self) -> bool:
        """Whether all cells are empty."""
        return not self.texts

    def share(self, *wanted_types: int) -> float:
        """Return the share of the filled cells of any of these types; 0 where all are empty."""
        if not self.texts:
            return 0.0
        if wanted_types not in self._shares:
            wanted = sum(wanted_types)
            hits = sum(number for types, number in self._type_counts.items() if types & wanted)
            if wanted_types == (CellType.COMMUNE,):
                hits = sum(bool(match_commune(text, self._communes)) for text in self.texts)
            self._shares[wanted_types] = hits / len(self.texts)
        return self._shares[wanted_types]

    @property
    def distinct(self) -> float:
        """Share of distinct texts."""
        return len(set(self.texts)) / len(self.texts) if self.texts else 0.0

    @property
    def counts_up(self) -> bool:
        """Whether the column numbers the rows: 1, 2, 3… from any start, with few gaps and hardly a duplicate."""
        numbers = [int(text) for text in self.texts if text.isdecimal() and len(text) < 7]  # noqa: PLR2004
        if len(numbers) < 4 or len(set(numbers)) < 0.9 * len(self.texts):  # noqa: PLR2004
            return False
        steps = [after - before for before, after in pairwise(numbers)]
        return sum(step == 1 for step in steps) >= 0.8 * len(steps)


def limit_sample(sample: Sequence[CellRow], width: int) -> Sequence[CellRow]:
    """Return fewer rows of a very wide sheet."""
    width = min(width, MAX_SAMPLED_COLUMNS)
    return sample[: max(MIN_SAMPLED_ROWS, MAX_SAMPLED_CELLS // max(width, 1))]


def sample_columns(sample: Sequence[CellRow], width: int, communes: frozenset[str]) -> list[ColumnSample]:
    """Return the columns of the sampled rows, with empty cells where a row is shorter.

    For a very wide sheet, uses fewer rows and only the first `MAX_SAMPLED_COLUMNS` columns.
    """
    width, sample = min(width, MAX_SAMPLED_COLUMNS), limit_sample(sample, width)
    return [ColumnSample([row[i] if i < len(row) else "" for row in sample], communes) for i in range(width)]
