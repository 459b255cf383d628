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
#: Digits as in a UAI, and not as in a telephone number.
_CODE_LIKE = re.compile(r"(?<![0-9])(?<![0-9][ .-])(?:[0-9OoIl][ .'-]?){5,8}[A-Za-z]?(?![ .-]?[0-9])")
#: Of a heading such as « Rappel 2025-2026 », whose digits are no code.
_SCHOOL_YEAR = re.compile(r"\b20[0-9]{2}\s*[-–/]\s*(?:20)?[0-9]{2}\b")
#: A text with this beginning labels a total, whatever follows: « Sous-total Nîmes », « S/T Alès », « TOTAL 12 écoles ».
_TOTAL = re.compile(r"(sous |ss |s )?(total|totaux)\b.*|sst( .*)?")
_SHORT_TOTAL = re.compile(r"\s*(s\s*/\s*t|s\.\s*t\.)", re.IGNORECASE)
#: Names begin with these words too (« Ensemble scolaire Saint-Joseph », the Somme): so only with these endings.
_SUM = re.compile(
    r"(ensemble|somme|cumul|moyenne|effectif total|grand total|recapitulatif|report|a reporter)"
    r"( (general|generale|des|du|de la|par|commune|ecoles?|licences?|classes?|territoire|departement)\b.*)?"
    r"|(nombre|nb|nbre) ?(de|d|total d|total de)? ?(ecole|etablissement|licence|classe|ligne|commune|site)s?( .*)?"
    r"|soit( .*)?"
)
_NOTE = re.compile(
    r"\s*(?:\*|\([0-9*a-z]\)\s|[0-9]\)\s|nb\s*:|n\.b\.|source|sources|note|notes|remarque|attention|légende|legende|"
    r"document|édité|edite|édition|extraction|mise? à jour|màj|maj|fait à|page\s+[0-9]|liste\b|tableau\b|"
    r"année\s+scolaire|rentrée\s+[0-9]|à\s+retourner|merci|contact\s*:|renseignements|cachet|signature|le directeur\b|"
    r"la directrice\b|le maire|pour le maire|l'inspect)",
    re.IGNORECASE,
)  # fmt: skip
_PAGE = re.compile(r"\s*(page|p\.|feuillet)\s*[0-9]+(\s*(/|sur)\s*[0-9]+)?\s*", re.IGNORECASE)
_GROUP = re.compile(
    r"(communes?|villes?|mairie|secteurs?|circonscriptions?|circo|cantons?|departements?|dept|zones?|bassins?|quartiers?|"
    r"territoires?|rep|reseaux?|epci|cc|ca|agglomeration|academie|arrondissements?|ecoles?|colleges?|lycees?|"
    r"etablissements?)( (de la|de l|du|des|de|d))? ?(.*)"
)
_COMMUNE_OF = re.compile(r"(communes?|villes?|mairie)( (de la|de l|du|des|de|d))? (.+)")
_KIND_HEADING = re.compile(
    r"(ecoles?|classes?)? ?(maternelles?|elementaires?|primaires?|publiques?|privees?|colleges?|lycees?)"
)
_KIND_WORD = re.compile(r"\b(maternelle|elementaire|primaire|prive|privee|public|publique)s?\b")
_COUNTED = re.compile(
    r"\s*[(\[:–-]?\s*[0-9]+\s*(écoles?|ecoles?|établissements?|sites?|licences?)?\s*[)\]]?\s*$", re.IGNORECASE
)
_DIGIT_START = re.compile(r"[0-9]{5} ")


#: How every label of a total begins: a fast first test.
_POSSIBLE_LABEL = re.compile(
    r"\W*(s[\s./-]*[st]\b|s+[\s./-]*total|sous|total|totaux|ensemble|somme|cumul|moyenne|effectif|grand|r[ée]cap|"
    r"(à\s|a\s)?report|nombre|nbr?e?\b|soit\b)",
    re.IGNORECASE,
)


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
        self._columns = dict(columns)
        titles = frozenset(map(fold, texts))
        self._titles = titles | {title.casefold() for title in texts}
        self._communes = communes
        self._uai = columns.get(Meaning.UAI)
        self._name = columns.get(Meaning.NAME)
        names = [
            cells.cell_to_text(self._at(row, self._name)) for row in sample if sum(1 for cell in row if cell != "") > 1
        ]
        #: Rural schools often bear the name of their commune.
        self._named_after_communes = sum(bool(match_commune(name, communes)) for name in names) * 2 > len(names)
        #: In a list of names with capitals, a sentence without one is a comment.
        self._capitalised = sum(name[:1].isupper() for name in names) * 2 > len(names)
        self._places = [columns[m] for m in (Meaning.COMMUNE, Meaning.POSTAL_CODE) if m in columns]
        #: Columns whose cells are never titles.
        self._untitled = [
            *self._places,
            *(columns[m] for m in (Meaning.UAI, *NUMBER_COLUMNS) if m in columns),
        ]

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
        found = REPEATED_HEADER if self._is_header(texts, filled) else self._total(labels, filled)
        if found is None and first and is_numbering_row(row):
            found = NUMBERING
        # A spreadsheet error in the UAI column is a problem of a data row.
        return found if found is not None or code.startswith("#") else self._classify_sparse(row, labels, filled)

    def _classify_sparse(self, row: CellRow, labels: Mapping[int, str], filled: list[int]) -> IgnoredRow | None:
        """Classify a row by how few cells are filled."""
        if not labels:
            # The name column may hold a school number.
            return None if isinstance(self._at(row, self._name), str) and self._at(row, self._name).strip() else UNNAMED
        if len(filled) == 1:
            return self._classify_single_text(filled[0], labels[filled[0]])
        if len(labels) == len(filled) <= 3 and (  # noqa: PLR2004
            _NOTE.match(next(iter(labels.values()))) or _PAGE.fullmatch(list(labels.values())[-1])
        ):
            return NOTE  # « Fait à Nîmes, le 12 mars », and a signature; « Ville de Nîmes », and « Page 2/3 »
        return None

    def _at(self, row: CellRow, index: int | None) -> CellValue:
        return row[index] if index is not None and index < len(row) else ""

    def _total(self, labels: Mapping[int, str], filled: list[int]) -> IgnoredRow | None:
        for index in list(labels)[:MAX_LABELS]:
            kind = _label_kind(labels[index])
            if kind == "total":
                return SUBTOTAL if _KIND_WORD.search(fold(labels[index])) else TOTAL
            if kind == "sum" and not self._may_be_school(index, labels, filled):
                return TOTAL
        return None

    def _may_be_school(self, index: int, labels: Mapping[int, str], filled: list[int]) -> bool:
        """Whether « Somme » is the département, or « Ensemble » is beside a school's name."""
        if index in (self._columns.get(Meaning.DEPARTEMENT), self._columns.get(Meaning.COMMUNE)):
            return True
        return self._name in labels and self._name != index and any(place in filled for place in self._places)

    def _is_header(self, texts: Mapping[int, str], filled: list[int]) -> bool:
        if not self._titles or len(texts) < len(filled):
            return False
        folded = [_folded(text) for text in texts.values()]
        if len(folded) == 1:
            return folded[0] in self._titles and (self._uai is None or self._uai in texts)
        known = [text in self._titles for text in folded]
        titles = sum(is_known or bool(count_exact_meanings(text)) for is_known, text in zip(known, folded, strict=True))
        return any(known) and titles * 5 >= 4 * len(folded)

    def _classify_single_text(self, index: int, text: str) -> IgnoredRow | None:
        """Classify a row with a single text."""
        if _NOTE.match(text):
            return NOTE
        # Without a UAI column, a name alone is a school.
        is_name_column = index == self._name and self._uai is None
        commune, folded, types = self._group_commune(text), _folded(text), classify_cell(text)
        if commune and not (is_name_column and self._named_after_communes):
            return IgnoredRow(GROUP.reason, commune=commune, ends_group=True)
        if is_name_column and not types & CellType.SCHOOL and self._is_comment(text):
            return NOTE
        # « ÉCOLES MATERNELLES » is a heading; « École maternelle » is a village school.
        heading = _KIND_HEADING.fullmatch(folded) is not None and not (is_name_column and not folded.endswith("s"))
        group = not types & CellType.SCHOOL and _GROUP.fullmatch(folded) is not None
        if heading or group:
            return GROUP if group else NOTE
        named = is_name_column or (
            bool(types & CellType.SCHOOL) and not types & CellType.KIND and self._takes_names(index)
        )
        return None if named else NOTE

    def _is_comment(self, text: str) -> bool:
        """Whether a text alone in the column of names is a comment: « → vu », « en attente de la directrice »."""
        if not text[0].isalnum():
            return text[0] not in "«\"'“("
        return self._capitalised and text[0].islower() and len(text.split()) >= MIN_COMMENT_WORDS

    def _takes_names(self, index: int) -> bool:
        return index == self._name or (self._name is None and self._uai is None)

    def _group_commune(self, text: str) -> str:
        """Return the commune in a group heading, "" where there is none."""
        bare = _DIGIT_START.sub("", _COUNTED.sub("", text)).strip(" :-–")
        folded = fold(bare)
        match = _COMMUNE_OF.fullmatch(folded)
        place = match_commune(bare, self._communes) or (match_commune(match[4], self._communes) if match else "")
        if not place:
            # « Commune de X » is explicit: without a list of communes, X is accepted.
            return _text_after_prefix(bare, match[4]) if match and not self._communes else ""
        return _text_after_prefix(bare, match[4]) if match and match_commune(match[4], self._communes) else bare


@lru_cache(maxsize=8192)
def _label_kind(text: str) -> str:
    if len(text) > MAX_LABEL_LENGTH or not _POSSIBLE_LABEL.match(text):
        return ""
    folded = fold(text)
    if _TOTAL.fullmatch(folded) or _SHORT_TOTAL.match(text):
        return "total"
    return "sum" if _SUM.fullmatch(folded) else ""


@lru_cache(maxsize=8192)
def _folded(text: str) -> str:
    return fold(text)


def _text_after_prefix(text: str, folded_rest: str) -> str:
    """Return the end of `text` that folds to `folded_rest`, as written."""
    words = text.split()
    for start in range(len(words)):
        rest = " ".join(words[start:])
        if fold(rest) == folded_rest:
            return rest
        for part in re.split(r"(?<=['’])", rest, maxsplit=1)[1:]:
            if fold(part) == folded_rest:
                return part
    return folded_rest
