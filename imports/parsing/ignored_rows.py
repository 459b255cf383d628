"""Detect rows to ignore: totals, group headings, notes, repeated headers. Pure.

A row that names a school, by a UAI or by a name and a place, is never ignored.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from imports import cells
from imports.cells import CellType
from imports.columns import NUMBER_COLUMNS, Meaning
from imports.formats.sheet_types import CellRow, CellValue
from imports.parsing.cell_classification import classify_cell, match_commune
from imports.parsing.column_titles import count_exact_meanings, may_be_title
from imports.parsing.headers import is_numbering_row
from schools.folding import fold

#: A UAI without its letter and two leading zeros.
MIN_CODE_LENGTH = 5
#: The label of a total is among the first texts of its row.
MAX_LABELS = 4
MAX_LABEL_LENGTH = 80
MIN_COMMENT_WORDS = 3
#: Of a signature, a banner.
MAX_PRINTED_TEXTS = 3
#: Digits as in a UAI, and not as in a telephone number.
_CODE_LIKE = re.compile(r"(?<![0-9])(?<![0-9][ .-])(?:[0-9OoIl][ .'-]?){5,8}[A-Za-z]?(?![ .-]?[0-9])")
#: Of a heading such as « Rappel 2025-2026 », whose digits are no code.
_SCHOOL_YEAR = re.compile(r"\b20[0-9]{2}\s*[-–/]\s*(?:20)?[0-9]{2}\b")
#: A text with this beginning labels a total, whatever follows: « Sous-total Nîmes », « S/T Alès », « TOTAL 12 écoles ».
_TOTAL = re.compile(r"(sous |ss? |grand |effectif )?(total|totaux)\b.*|s t( .*)?")
#: Names begin with these words too (« Ensemble scolaire Saint-Joseph », the Somme): so only with these endings.
_SUM = re.compile(
    r"(ensemble|somme|cumul|moyenne|report|a reporter)( (general|generale|des|du|de la|par)\b.*)?"
    r"|(nombre|nb|nbre) (total )?(de|d) (ecole|etablissement|licence|classe|site)s?( .*)?"
    r"|soit( .*)?"
)
#: How every label of a total begins: a fast first test.
_POSSIBLE_LABEL = re.compile(
    r"\W*(s[\s./-]*t\b|s+[\s./-]*total|sous|grand|effectif|tota|ensemble|somme|cumul|moyenne|([àa]\s)?report|nombre|nbr?e?\b|soit\b)",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"\s*(\*|\(?[0-9*]\)\s|n\.?b\.?\s*:|sources?\b|notes?\b|attention|l[ée]gende|fait à|merci|contact\s*:)",
    re.IGNORECASE,
)
_PAGE = re.compile(r"\s*page\s*[0-9]+(\s*(/|sur)\s*[0-9]+)?\s*", re.IGNORECASE)
_KIND_WORD = re.compile(r"\b(maternelle|elementaire|primaire|prive|privee|public|publique)s?\b")
_KIND_HEADING = re.compile(
    r"((ecoles|classes) ?)?(maternelles|elementaires|primaires|publiques|privees|colleges|lycees)"
)
#: Around the commune in the title of its group: « 30000 Nîmes », « NÎMES (12 écoles) ».
_POSTAL_CODE = re.compile(r"[0-9]{5} ")
_COUNT = re.compile(r"\s*[(\[:–-]?\s*[0-9]+\s*([ée]coles?|sites?|licences?)?\s*[)\]]?\s*$", re.IGNORECASE)
_GROUP = re.compile(
    r"(secteur|circo|circonscription|canton|zone|bassin|quartier|territoire|reseau|rep|epci|agglomeration|arrondissement|"
    r"departement|academie|ville|commune|ecole|college|lycee|etablissement)[sx]?\b.*"
)
_COMMUNE_OF = re.compile(
    r"\s*(?:ville|commune|mairie)\s+(?:de\s+la\s+|de\s+l['’]|de\s+|du\s+|des\s+|d['’])?([^–:,;(|]+?)\s*(?:[–:,;(|].*|\s-\s.*)?",
    re.IGNORECASE,
)


def find_announced_commune(text: str, communes: frozenset[str]) -> str:
    """Return the commune of « Ville de Nîmes – licences 2026 », as written; "" where there is none."""
    match = _COMMUNE_OF.fullmatch(text)
    return match[1] if match and match_commune(match[1], communes) else ""


class IgnoredRow(NamedTuple):
    """Why a row is ignored, and what it implies for the rows below."""

    reason: str
    #: The commune whose group begins here, as written; "" where none does.
    commune: str = ""
    #: Whether a group ends here, so that its values are filled down no further.
    ends_group: bool = False


TOTAL = IgnoredRow("Ligne de total.", ends_group=True)
#: A sum within a group (« Sous-total maternelles »), which continues.
SUBTOTAL = IgnoredRow("Ligne de total.")
REPEATED_HEADER = IgnoredRow("En-tête répété.")
OTHER_HEADER = IgnoredRow("Titres d'un autre tableau.")
NUMBERING = IgnoredRow("Ligne qui numérote les colonnes ou en dit l'unité.")
GROUP = IgnoredRow("Titre d'un groupe d'écoles.", ends_group=True)
NOTE = IgnoredRow("Ligne sans école : une note ou un titre.")
UNNAMED = IgnoredRow("Ligne sans école : un total sans doute.")
UNLABELLED_SUM = IgnoredRow("Ligne sans école, dont le nombre est la somme de celles du dessus.")


class IgnoredRowDetector:
    """Detects the rows of one sheet to ignore."""

    def __init__(
        self,
        columns: Mapping[Meaning, int],
        texts: Collection[str],
        communes: frozenset[str],
        sample: Sequence[CellRow] = (),
    ) -> None:
        self._titles = {*map(fold, texts), *(title.casefold() for title in texts)}
        self._communes = communes
        self._uai = columns.get(Meaning.UAI)
        self._name = columns.get(Meaning.NAME)
        #: « Somme » is a département as well.
        self._areas = (columns.get(Meaning.DEPARTEMENT), columns.get(Meaning.COMMUNE))
        names = [cells.cell_to_text(self._at(row, self._name)) for row in sample]
        #: Rural schools often bear the name of their commune.
        self._named_after_communes = sum(bool(match_commune(name, communes)) for name in names) * 2 > len(names)
        #: In a list of names with capitals, a sentence without one is a comment.
        self._capitalised = sum(name[:1].isupper() for name in names) * 2 > len(names)
        self._places = [columns[m] for m in (Meaning.COMMUNE, Meaning.POSTAL_CODE) if m in columns]
        #: Columns whose cells are never titles.
        self._untitled = [*self._places, *(columns[m] for m in (Meaning.UAI, *NUMBER_COLUMNS) if m in columns)]

    def is_obvious_school(self, row: CellRow) -> bool:
        """Whether a row names a school by name and place: a fast test, true of most rows in a list without UAI."""
        name = self._at(row, self._name)
        if type(name) is not str or not name or _POSSIBLE_LABEL.match(name) or name.strip().casefold() in self._titles:
            return False
        # « (2) » below a title is no name.
        if name.upper() == name.lower() or not any(str(self._at(row, place)).strip() for place in self._places):
            return False
        # « Commune » is where no school is, « Licences » how many none has: titles of another table.
        return not any(
            type(cell := self._at(row, index)) is str and may_be_title(cell) and count_exact_meanings(cell.strip())
            for index in self._untitled
        )

    def names_no_school(self, row: CellRow) -> bool:
        """Whether a row has neither a UAI nor a name."""
        return not any(str(self._at(row, index)).strip() for index in (self._uai, self._name))

    def find(self, row: CellRow, *, first: bool) -> IgnoredRow | None:
        """Return why to ignore a row, None where it is data. `first`: it is the row below the header.

        For rows without a valid UAI in the UAI column.
        """
        code = cells.cell_to_text(self._at(row, self._uai))
        if len(code) >= MIN_CODE_LENGTH and _CODE_LIKE.search(_SCHOOL_YEAR.sub("", code)):
            return None
        filled = [index for index, cell in enumerate(row) if cell != "" and str(cell).strip()]
        texts = {index: cells.cell_to_text(row[index]) for index in filled if isinstance(row[index], str)}
        labels = {index: text for index, text in texts.items() if any(map(str.isalpha, text))}
        # « Nombre de licences » is the label of a total as well.
        found = REPEATED_HEADER if self._is_header(texts, filled) else self._total(labels)
        if found is None and first and is_numbering_row(row):
            found = NUMBERING
        # A spreadsheet error in the UAI column is a problem of a data row.
        if found is not None or code.startswith("#"):
            return found
        if not labels:
            # The name column may hold a school number.
            return None if isinstance(self._at(row, self._name), str) and self._at(row, self._name).strip() else UNNAMED
        if len(filled) == 1:
            return self._classify_single_text(filled[0], labels[filled[0]])
        # « Fait à Nîmes, le 12 mars », and a signature; « Ville de Nîmes », and « Page 2/3 ».
        printed = list(labels.values())
        is_printed = _NOTE.match(printed[0]) or _PAGE.fullmatch(printed[-1])
        return NOTE if is_printed and len(labels) == len(filled) <= MAX_PRINTED_TEXTS else None

    def _at(self, row: CellRow, index: int | None) -> CellValue:
        return row[index] if index is not None and index < len(row) else ""

    def _total(self, labels: Mapping[int, str]) -> IgnoredRow | None:
        for index in list(labels)[:MAX_LABELS]:
            folded = _fold_label(labels[index])
            if _TOTAL.fullmatch(folded):
                return SUBTOTAL if _KIND_WORD.search(folded) else TOTAL
            # « Ensemble » may stand beside a school's name.
            beside_name = self._name in labels and self._name != index
            if _SUM.fullmatch(folded) and index not in self._areas and not beside_name:
                return TOTAL
        return None

    def _is_header(self, texts: Mapping[int, str], filled: list[int]) -> bool:
        if len(texts) < len(filled):
            return False
        folded = [_fold(text) for text in texts.values()]
        known = [text in self._titles for text in folded]
        titles = sum(is_known or bool(count_exact_meanings(text)) for is_known, text in zip(known, folded, strict=True))
        return any(known) and titles * 5 >= 4 * len(folded)

    def _classify_single_text(self, index: int, text: str) -> IgnoredRow | None:
        if _NOTE.match(text):
            return NOTE
        # Without a UAI column, a name alone is a school.
        may_be_name, types = index == self._name and self._uai is None, classify_cell(text)
        if (commune := self._group_commune(text)) and not (may_be_name and self._named_after_communes):
            return IgnoredRow(GROUP.reason, commune=commune, ends_group=True)
        if types & CellType.KIND:
            # « École maternelle » is a village school; « ÉCOLES MATERNELLES » is a heading.
            named = may_be_name
        elif _KIND_HEADING.fullmatch(_fold(text)):
            named = False
        elif types & CellType.SCHOOL:
            named = index == self._name or (self._name is None and self._uai is None)
        elif _GROUP.fullmatch(_fold(text)):
            return GROUP
        else:
            named = may_be_name and not self._is_comment(text)
        return None if named else NOTE

    def _is_comment(self, text: str) -> bool:
        """Whether a text alone in the column of names is a comment: « → vu », « en attente de la directrice »."""
        if not text[0].isalnum():
            return text[0] not in "«\"'“("
        return self._capitalised and text[0].islower() and len(text.split()) >= MIN_COMMENT_WORDS

    def _group_commune(self, text: str) -> str:
        """Return the commune in the title of a group, as written; "" where there is none.

        « Commune de X » is explicit: without a list of communes, X is accepted.
        """
        bare = _POSTAL_CODE.sub("", _COUNT.sub("", text)).strip(" :-–")
        if match_commune(bare, self._communes):
            return bare
        match = _COMMUNE_OF.fullmatch(bare)
        return match[1] if match and not self._communes else find_announced_commune(bare, self._communes)


@lru_cache(maxsize=8192)
def _fold_label(text: str) -> str:
    """Return a text that may label a total, folded; "" for any other."""
    return fold(text) if len(text) <= MAX_LABEL_LENGTH and _POSSIBLE_LABEL.match(text) else ""


@lru_cache(maxsize=8192)
def _fold(text: str) -> str:
    return fold(text)
