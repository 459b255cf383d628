"""Map columns to meanings, by title and by content.

UAI and e-mail columns are recognised by content whatever their title. Where two columns fit a meaning with consequences
(`Column.is_critical`), the member is asked. For meanings that only help to find the school, the more certain column is
taken.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from imports.cells import CellType
from imports.columns import DOMINANT_SHARE, MIN_SHARE, NAMING_COLUMNS, NUMBER_COLUMNS, Meaning, is_added_title
from imports.formats.sheet_types import CellRow
from imports.layout import LayoutQuestion
from imports.parsing.cell_classification import ColumnSample, classify_cell, sample_columns
from imports.parsing.column_titles import Title, is_level, is_unrelated, match_meanings
from imports.parsing.rows import are_level_letters
from schools.folding import fold

#: From this tier on a title is a bare « nom ».
_GENERIC_NAME_TIER = 3
#: The last tier of titles that mention licences.
_LAST_UNITS_TIER = 2
#: In a column without a title, larger numbers count pupils rather than licences.
MAX_UNTITLED_UNITS = 60


#: What follows the level of a class: « CE1 B », « Cycle 2 et 3 ».
_CLASS_LETTERS = re.compile(r"\b([a-d]|(?<!cycle )[1-4]|et|classe)\b")


#: What the cells of a column hold that is recognised by its content, the surest first.
_CONTENTS = {
    Meaning.UAI: (
        (CellType.UAI,),
        (CellType.UAI, CellType.DAMAGED_UAI),
        (CellType.UAI, CellType.DAMAGED_UAI, CellType.BARE_UAI),
    ),
    Meaning.EMAIL: ((CellType.EMAIL,),),
}


class ComparedRow(NamedTuple):
    """A row of a table with several columns of UAI: what names its school, and its UAI by the letters of the column."""

    name: str
    commune: str
    postal_code: str
    uais: dict[str, str]


class SampledTable(NamedTuple):
    """The titles and first rows of a table, and what was chosen for it."""

    titles: Sequence[Title]
    sample: Sequence[CellRow]
    #: Columns that the member chose, or confirmed for the same titles; None for a meaning without a column.
    chosen: Mapping[Meaning, int | None]
    #: By code of the question.
    answers: Mapping[str, str]
    #: The columns that the file hides.
    hidden: Collection[int] = ()
    #: Folded names of known communes.
    communes: frozenset[str] = frozenset()
    #: What was answered for an earlier file: of numbers in doubt, what is said of a title holds, and not of numbers.
    recalled: Mapping[str, str] = {}
    #: The year in which the school year ends, None where years are not compared with it.
    school_year: int | None = None


@dataclass
class ColumnMapping:
    """The index of the column of each meaning, and the questions for the member: filled in step by step."""

    columns: dict[Meaning, int]
    questions: list[LayoutQuestion] = field(default_factory=list)
    #: The columns between which the member must choose, by meaning.
    candidates: dict[Meaning, list[int]] = field(default_factory=dict)
    #: The columns whose sum a number is, by meaning; the first of them is in `columns`.
    sums: dict[Meaning, tuple[int, ...]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    #: Rows by which the directory can choose between several columns of UAI.
    compared: Sequence[ComparedRow] = ()

    def drop_questions(self, meaning: Meaning) -> None:
        """Remove the questions about a meaning, which another one replaces or an answer settles."""
        self.questions[:] = [question for question in self.questions if question.column != meaning]


def map_columns(table: SampledTable) -> ColumnMapping:
    """Return the mapping for the titles of a table and the rows below them."""
    mapping = ColumnMapping({m: i for m, i in table.chosen.items() if i is not None and 0 <= i < len(table.titles)})
    undecided = [meaning for meaning in Meaning if meaning not in table.chosen]
    mapper = _ColumnMapper(table, mapping)
    for meaning in undecided:
        mapper.by_title(meaning)
    titled = any(title.text for title in table.titles)
    for meaning in undecided:
        mapper.by_content(meaning, titled=titled)
    questioned = {question.column for question in mapping.questions}
    if Meaning.UAI not in questioned and not mapping.columns.keys() & NAMING_COLUMNS:
        mapping.questions.append(
            LayoutQuestion(
                Meaning.UAI,
                "uai_column_missing",
                "Aucune colonne ne dit de quelles écoles il s'agit : ni UAI, ni nom d'école. Choisissez la bonne "
                "feuille, la bonne ligne de titres ou la bonne colonne.",
            )
        )
    return mapping


def find_outdated_meanings(
    columns: Mapping[Meaning, int | None], titles: Sequence[Title], sample: Sequence[CellRow]
) -> list[Meaning]:
    """Return the meanings whose remembered column no longer has the expected content."""
    samples = sample_columns(sample, len(titles), frozenset()) if columns else []
    return [
        meaning
        for meaning, index in columns.items()
        if index is not None
        and (types := meaning.column.remembered)
        and (index >= len(samples) or (not samples[index].empty and samples[index].share(*types) < MIN_SHARE))
    ]


class _ColumnMapper:
    """Assigns meanings to the columns of a sheet."""

    def __init__(self, table: SampledTable, found: ColumnMapping) -> None:
        self.titles, self.hidden = table.titles, table.hidden
        self.columns = sample_columns(table.sample, len(self.titles), table.communes)
        self.found, self.mapping = found, found.columns
        self.unrelated = {index for index, title in enumerate(self.titles) if is_unrelated(title)}
        self.has_first_names = any("prenom" in fold(title.text).split() for title in self.titles)
        # Columns that annotating a workbook added are not data.
        self.added_columns = {index for index, title in enumerate(self.titles) if is_added_title(title.text)}

    def by_title(self, meaning: Meaning) -> None:
        """Assign the meaning to the column whose title matches best and whose cells agree."""
        tiers = {
            index: tiers_of_title[meaning]
            for index in self._unassigned(meaning)
            if self.titles[index].text and meaning in (tiers_of_title := match_meanings(self.titles[index]))
        }
        if meaning is Meaning.NAME and self.has_first_names:
            # « Nom » beside « Prénom » is a person's name.
            tiers = {
                i: n
                for i, n in tiers.items()
                if n < _GENERIC_NAME_TIER or self.columns[i].share(CellType.SCHOOL) >= MIN_SHARE
            }
        if meaning is Meaning.CONTACT_NAME and self.has_first_names and not tiers:
            tiers = {i: 0 for i in self._unassigned(meaning) if Meaning.NAME in match_meanings(self.titles[i])}
        if meaning in _CONTENTS:
            self._assign(meaning, self._content_candidates(meaning, tiers))
        elif meaning in NUMBER_COLUMNS:
            if meaning is Meaning.UNITS:
                # « Licences déjà attribuées » and « Licences à attribuer » are equally likely.
                tiers = {index: 1 if number <= _LAST_UNITS_TIER else number for index, number in tiers.items()}
            self._assign(meaning, self._number_candidates(tiers, meaning.column.certain_tier or 0))
        else:
            self._assign(meaning, self._best_titled(meaning, tiers))

    def by_content(self, meaning: Meaning, *, titled: bool) -> None:
        """Assign a meaning that no title matches to the column whose cells match."""
        if meaning in self.mapping:
            return
        if meaning is Meaning.UNITS:
            if not titled:
                self._assign(meaning, self._untitled_units())
        elif meaning is Meaning.COMMUNE and self._holds_postal_communes(self.mapping.get(Meaning.POSTAL_CODE)):
            self.mapping[meaning] = self.mapping[Meaning.POSTAL_CODE]
        elif (identifying := meaning.column.identifying) is not None:
            shares = {
                index: self.columns[index].share(*identifying.types)
                for index in self._unassigned(meaning)
                if index not in self.unrelated and not self._has_other_title(index, meaning)
            }
            if meaning is Meaning.NAME and titled:
                shares = {index: share for index, share in shares.items() if not self._holds_kinds(index)}
            matching = [
                i
                for i, share in shares.items()
                if share >= identifying.min_share
                and (meaning is not Meaning.POSTAL_CODE or self._holds_postal_codes(i))
            ]
            if not matching and meaning is Meaning.KIND:
                matching = [i for i in self._unassigned(meaning) if are_level_letters(self.columns[i].texts)]
            if not matching and meaning is Meaning.NAME and Meaning.UAI not in self.mapping and not titled:
                matching = self._untitled_names()
            self._assign(meaning, sorted(matching, key=lambda index: -shares.get(index, 0))[:1])

    def _unassigned(self, meaning: Meaning) -> list[int]:
        if meaning is Meaning.CHOICE:
            return sorted(index for index in self.added_columns if index < len(self.columns))
        taken = set(self.mapping.values()) | self.added_columns
        return [index for index in range(len(self.columns)) if index not in taken]

    def _has_other_title(self, index: int, meaning: Meaning) -> bool:
        found = match_meanings(self.titles[index]) if self.titles[index].text else {}
        return meaning is not Meaning.KIND and meaning not in found and 0 in found.values()

    def _assign(self, meaning: Meaning, candidates: Sequence[int]) -> None:
        if meaning in NUMBER_COLUMNS:
            candidates = [index for index in candidates if index not in self.hidden] or candidates
        if len(candidates) > 1 and meaning.column.is_critical:
            first = self.columns[candidates[0]]
            # A duplicate of the same column needs no question.
            candidates = [i for i in candidates if i == candidates[0] or _differ(first, self.columns[i])]
        if len(candidates) > 1 and meaning.column.is_critical:
            self.found.candidates[meaning] = list(candidates)
            names = join_names([name_column(self.titles[index].text, index) for index in candidates])
            self.found.questions.append(
                LayoutQuestion(
                    meaning,
                    "ambiguous_column",
                    f"Plusieurs colonnes peuvent donner « {meaning.label} » : {names}. Choisissez la bonne.",
                )
            )
        elif candidates:
            self.mapping[meaning] = candidates[0]

    def _content_candidates(self, meaning: Meaning, tiers: Mapping[int, int]) -> list[int]:
        """Return the columns that may hold the UAI, or the addresses, equally likely."""
        for types in _CONTENTS[meaning]:
            shares = {index: self.columns[index].share(*types) for index in self._unassigned(meaning)}
            matching = [index for index, share in shares.items() if share >= DOMINANT_SHARE]
            if CellType.BARE_UAI in types:
                matching = [i for i in matching if i in tiers or (shares[i] == 1 and self.columns[i].distinct == 1)]
            related = [index for index in matching if index not in self.unrelated]
            if meaning is Meaning.EMAIL or related:
                matching = related
            if matching:
                return _lowest_tier({i: tiers[i] for i in matching if i in tiers}) or matching
        widest = _CONTENTS[meaning][-1]
        partial = {index: tier for index, tier in tiers.items() if self.columns[index].share(*widest) >= MIN_SHARE}
        # A certain title over invalid cells: the problems are reported row by row.
        certain = {index: tier for index, tier in tiers.items() if tier == meaning.column.certain_tier}
        return _lowest_tier(partial) or _lowest_tier(certain)

    def _number_candidates(self, tiers: Mapping[int, int], certain: int) -> list[int]:
        """Return the columns of numbers whose title says what they count."""
        matching = {
            index: number
            for index, number in tiers.items()
            if self.columns[index].share(CellType.QUANTITY) >= MIN_SHARE
            and (number <= certain or not self.columns[index].counts_up)
        }
        blank = {index: number for index, number in tiers.items() if self.columns[index].empty}
        sure = {index: number for index, number in tiers.items() if number <= certain}
        return _lowest_tier(matching or blank or sure)

    def _untitled_units(self) -> list[int]:
        """Return the only column of small integers that is shown, in a sheet without a header row."""
        matching = [
            index
            for index in self._unassigned(Meaning.UNITS)
            if index not in self.hidden
            and (column := self.columns[index]).share(CellType.QUANTITY) >= 0.9  # noqa: PLR2004
            and not column.counts_up
            and all(
                len(text) <= 3 and not (text.isdecimal() and int(text) > MAX_UNTITLED_UNITS)  # noqa: PLR2004
                for text in column.texts
            )
        ]
        return matching if len(matching) == 1 else []

    def _best_titled(self, meaning: Meaning, tiers: Mapping[int, int]) -> list[int]:
        """Return the column with the most certain title; among equals, the one whose cells match best."""
        if (expected := meaning.column.expected) is not None:
            tiers = {
                index: number
                for index, number in tiers.items()
                if self.columns[index].empty or self.columns[index].share(*expected.types) >= expected.min_share
            }
        if meaning is Meaning.KIND:
            tiers = {index: tier for index, tier in tiers.items() if not self._holds_classes(index)}
        if meaning is Meaning.NAME:
            # « École » above « élémentaire » and « maternelle » is a kind; beside a UAI it need not be the name.
            tiers = {i: n for i, n in tiers.items() if not self._is_titled_kind(i, n)}
            names = {i: n for i, n in tiers.items() if not self._holds_kinds(i)}
            tiers = names or (tiers if Meaning.UAI not in self.mapping else {})
        filled = {index: number for index, number in tiers.items() if not self.columns[index].empty}
        preferred = meaning.column.preferred
        return sorted(_lowest_tier(filled or tiers), key=lambda index: -self.columns[index].share(preferred))[:1]

    def _holds_kinds(self, index: int) -> bool:
        kinds = Meaning.KIND.column.identifying
        return kinds is not None and self.columns[index].share(*kinds.types) >= kinds.min_share

    def _holds_classes(self, index: int) -> bool:
        """Return whether a column tells classes of a school apart, « CP », « CE1 B », and not schools."""
        texts = [text for text in self.columns[index].texts if not classify_cell(text) & CellType.KIND]
        classes = sum(is_level(_CLASS_LETTERS.sub(" ", fold(text))) for text in texts)
        return classes > 0 and classes >= DOMINANT_SHARE * len(self.columns[index].texts)

    def _is_titled_kind(self, index: int, name_tier: int) -> bool:
        """Return whether a title is a kind's as well: « Type d'établissement »."""
        return match_meanings(self.titles[index]).get(Meaning.KIND, name_tier + 1) <= name_tier

    def _holds_postal_communes(self, index: int | None) -> bool:
        return index is not None and self.columns[index].share(CellType.POSTAL_TOWN) >= DOMINANT_SHARE

    def _holds_postal_codes(self, index: int) -> bool:
        # INSEE codes have five digits too, but most postal codes end with a zero.
        column = self.columns[index]
        return column.share(CellType.ROUND) >= DOMINANT_SHARE and column.share(CellType.YEAR) < MIN_SHARE

    def _untitled_names(self) -> list[int]:
        """Return the columns of mostly distinct texts: names without the word « école »."""
        return [
            index
            for index in self._unassigned(Meaning.NAME)
            if (column := self.columns[index]).share(CellType.TEXT) >= 0.9 and column.distinct >= 0.5  # noqa: PLR2004
        ]


def _lowest_tier(tiers: Mapping[int, int]) -> list[int]:
    best = min(tiers.values(), default=None)
    return [index for index, number in tiers.items() if number == best]


def _differ(one: ColumnSample, other: ColumnSample) -> bool:
    return [text.lower() for text in one.texts] != [text.lower() for text in other.texts]


def column_letters(index: int) -> str:
    """Return the letters of a column, by index from 0: A for 0, AA for 26."""
    # Here, and below: loads all of openpyxl.
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    letters: str = get_column_letter(index + 1)
    return letters


def column_index(letters: str) -> int:
    """Return the index of a column, from 0, by its letters."""
    from openpyxl.utils import column_index_from_string  # noqa: PLC0415

    number: int = column_index_from_string(letters)
    return number - 1


def name_column(title: str, index: int) -> str:
    """Return « Licences » (D) for a column, « D » (D) where it has no title."""
    letters = column_letters(index)
    return f"« {' '.join(title.split()) or letters} » ({letters})"


def join_names(names: Sequence[str]) -> str:
    """Return « a », « a et b », « a, b et c »."""
    *others, last = names
    return f"{', '.join(others)} et {last}" if others else last
