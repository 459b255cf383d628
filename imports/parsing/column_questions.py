"""Ask which of several columns counts: of UAI, or of e-mail addresses. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from imports.cells import CellType, cell_to_text
from imports.columns import DOMINANT_SHARE, NAMING_COLUMNS, Meaning, is_added_title
from imports.formats.sheet_types import CellRow
from imports.layout import NO_COLUMN, AnswerOption, LayoutQuestion
from imports.parsing.cell_classification import MAX_SAMPLED_COLUMNS, classify_cell
from imports.parsing.column_mapping import (
    ColumnMapping,
    ComparedRow,
    SampledTable,
    column_index,
    column_letters,
    join_names,
    name_column,
)
from imports.parsing.column_titles import Title, is_unrelated, match_meanings
from imports.parsing.form_answers import holds_several_addresses, may_be_personal
from imports.parsing.joined_tables import JOINED_TABLES, find_rival_names
from schools.folding import fold

#: Stands before the cells that an answer shows.
EXAMPLES = ", par exemple "
#: Code of the question.
EMAIL_COLUMNS = "email_columns"
_NONE_LABEL = "Ne pas les lire : écrire au contact de votre périmètre ou à l'adresse officielle"


def choose_email_column(mapping: ColumnMapping, table: SampledTable) -> ColumnMapping:
    """Return the mapping whose question about addresses has an option for each column, and its answer.

    An address that is not the school's is not read, as its key would go there: where it may be, that is asked.
    """
    candidates = mapping.candidates.get(Meaning.EMAIL, [])
    asked = next((question for question in mapping.questions if question.column == Meaning.EMAIL), None)
    question, columns = asked, dict(mapping.columns)
    if asked is None and Meaning.EMAIL in columns and Meaning.EMAIL not in table.chosen:
        candidates = [columns[Meaning.EMAIL]]
        name = name_column(table.titles[candidates[0]].text, candidates[0])
        if holds_several_addresses(candidates[0], columns, table.sample):
            del columns[Meaning.EMAIL]
            remark = f"Une même école a plusieurs adresses dans {name} : elles sont de personnes, et ne sont pas lues."
            return mapping._replace(columns=columns, remarks=[*mapping.remarks, remark])
        if may_be_personal(candidates[0], table.titles, table.sample):
            del columns[Meaning.EMAIL]
            message = f"Les adresses de {name} sont peut-être celles de personnes, et non des écoles. "
            question = LayoutQuestion(Meaning.EMAIL, EMAIL_COLUMNS, message, likely=NO_COLUMN)
    if question is None or not candidates:
        return mapping
    options = [_describe_column(index, table) for index in candidates]
    question = question._replace(
        code=EMAIL_COLUMNS,
        message=f"{question.message.rpartition('. ')[0]}. À laquelle écrire ?",
        options=(*options, AnswerOption(NO_COLUMN, _NONE_LABEL)),
    ).answered_by(table.answers)
    if question.answer not in ("", NO_COLUMN):
        columns[Meaning.EMAIL] = column_index(question.answer)
    questions = [one for one in mapping.questions if one is not asked]
    return mapping._replace(columns=columns, questions=[*questions, question])


def choose_name_column(mapping: ColumnMapping, table: SampledTable) -> ColumnMapping:
    """Return the mapping with a question where several columns name schools, which have one number between them."""
    if Meaning.NAME in table.chosen or mapping.columns.keys() & NAMING_COLUMNS != {Meaning.NAME}:
        return mapping
    rivals = find_rival_names(table.titles, table.sample)
    if mapping.columns[Meaning.NAME] not in rivals:
        return mapping
    options = tuple(_describe_column(index, table) for index in rivals)
    names = join_names([name_column(table.titles[index].text, index) for index in rivals])
    question = LayoutQuestion(
        Meaning.NAME,
        JOINED_TABLES,
        f"Les colonnes {names} nomment chacune une école, pour un seul nombre par ligne. À laquelle le donner ?",
        options,
    ).answered_by(table.answers)
    index = column_index(question.answer) if question.answer else mapping.columns[Meaning.NAME]
    return mapping._replace(columns={**mapping.columns, Meaning.NAME: index}, questions=[*mapping.questions, question])


def _describe_column(index: int, table: SampledTable) -> AnswerOption:
    example = next((text for row in table.sample if index < len(row) and (text := cell_to_text(row[index]))), "")
    name = name_column(table.titles[index].text, index)
    return AnswerOption(column_letters(index), f"{name}{EXAMPLES if example else ''}{example}")


#: Code of the question.
UAI_COLUMNS = "uai_columns"
#: A column with fewer distinct UAI than this share of the best one's names groups of schools, or some of them.
MIN_DISTINCT_SHARE = 0.5
#: Rows compared with the directory.
MAX_COMPARED_ROWS = 50
_MAX_EXAMPLES = 3
#: From this tier on a title has other words beside « UAI »: « UAI tête de réseau ».
_FIRST_DOUBTFUL_TIER = 2
_NUMBER = re.compile(r"\b(n )?[0-9]+\b")
_UAI_TYPES = CellType.UAI | CellType.DAMAGED_UAI


class _UaiColumn(NamedTuple):
    position: int
    #: In upper case, by row; "" where there is none.
    uais: list[str]

    @property
    def letters(self) -> str:
        return column_letters(self.position)

    @property
    def examples(self) -> str:
        return ", ".join([uai for uai in dict.fromkeys(self.uais) if uai][:_MAX_EXAMPLES])

    @property
    def distinct(self) -> set[str]:
        return set(self.uais) - {""}


def choose_uai_column(mapping: ColumnMapping, table: SampledTable) -> ColumnMapping:
    """Return the mapping with the column of UAI that names every row; with a question where several do.

    Of those the column with the surest title is taken, which the directory may correct: `mapping.compared`.
    """
    index = table.chosen.get(Meaning.UAI)
    if Meaning.UAI in table.chosen and index is None and UAI_COLUMNS not in table.answers:
        return mapping
    others = {position for meaning, position in mapping.columns.items() if meaning != Meaning.UAI}
    columns = [column for column in _list_columns(table.titles, table.sample) if column.position not in others]
    if len(columns) < 2 or (index is not None and index not in {column.position for column in columns}):  # noqa: PLR2004
        return mapping
    kept = _drop_groups(columns, index, mapping.columns.get(Meaning.UAI))
    if len(kept) == 1:
        return _take(mapping, kept[0], _describe_choice(kept[0], columns, table.titles))
    names = join_names([_name(column, table.titles) for column in kept])
    question = LayoutQuestion(
        Meaning.UAI,
        UAI_COLUMNS,
        f"Plusieurs colonnes peuvent donner « UAI de l'école » : {names}. Choisissez la bonne.",
        tuple(AnswerOption(one.letters, f"{_name(one, table.titles)}{EXAMPLES}{one.examples}") for one in kept),
        column_letters(index) if index is not None else _find_surest(kept, table.titles),
    ).answered_by(table.answers)
    taken = next((column for column in kept if column.letters == question.answer), None)
    mapping = _take(mapping, taken, _describe_choice(taken, kept, table.titles) if taken is not None else "")
    mapping.questions.append(question)
    return (
        mapping
        if index is not None or UAI_COLUMNS in table.answers
        else _add_compared_rows(mapping, kept, table.sample)
    )


def _list_columns(titles: Sequence[Title], sample: Sequence[CellRow]) -> list[_UaiColumn]:
    """Return the columns that mostly hold UAI, damaged ones included."""
    found = []
    for position, title in enumerate(titles[:MAX_SAMPLED_COLUMNS]):
        cells = [row[position] if position < len(row) else "" for row in sample]
        filled = [cell for cell in cells if cell_to_text(cell)]
        # A name with a UAI beside it is a text too.
        hits = sum(1 for cell in filled if (types := classify_cell(cell)) & _UAI_TYPES and not types & CellType.TEXT)
        if hits and hits >= DOMINANT_SHARE * len(filled) and not is_added_title(title.text):
            found.append(_UaiColumn(position, [cell_to_text(cell).upper() for cell in cells]))
    related = [column for column in found if not is_unrelated(titles[column.position])]
    return related or found


def _drop_groups(columns: Sequence[_UaiColumn], chosen: int | None, mapped: int | None) -> list[_UaiColumn]:
    """Return the columns that name nearly every row by a UAI of its own; of copies, the mapped one or the first.

    The chosen one is kept in any case.
    """
    most = max(len(column.distinct) for column in columns)
    kept: list[_UaiColumn] = []
    for column in sorted(columns, key=lambda column: (column.position not in (chosen, mapped), column.position)):
        own = len(column.distinct) > MIN_DISTINCT_SHARE * most
        if column.position == chosen or (own and all(column.uais != other.uais for other in kept)):
            kept.append(column)
    return sorted(kept, key=lambda column: column.position)


def _find_surest(columns: Sequence[_UaiColumn], titles: Sequence[Title]) -> str:
    """Return the letters of the column whose title says « UAI » and no more, "" where several do as well, or none.

    « UAI 1 » and « UAI 2 » are equally sure, and so is « UAI » beside them.
    """
    tiers = {
        column.letters: match_meanings(titles[column.position]).get(Meaning.UAI, _FIRST_DOUBTFUL_TIER)
        for column in columns
    }
    best = min(tiers.values())
    surest = [column for column in columns if tiers[column.letters] == best]
    texts = Counter(_without_number(titles[column.position].text) for column in columns)
    if len(surest) > 1 or best >= _FIRST_DOUBTFUL_TIER or texts[_without_number(titles[surest[0].position].text)] > 1:
        return ""
    return surest[0].letters


def _without_number(text: str) -> str:
    return " ".join(_NUMBER.sub(" ", fold(text)).split())


def _take(mapping: ColumnMapping, column: _UaiColumn | None, remark: str) -> ColumnMapping:
    """Return the mapping with this column of UAI, and without another question about it."""
    columns = dict(mapping.columns)
    columns.pop(Meaning.UAI, None)
    questions = [question for question in mapping.questions if question.column != Meaning.UAI]
    if column is None:
        return mapping._replace(columns=columns, questions=questions)
    changed = mapping.columns.get(Meaning.UAI) != column.position
    return mapping._replace(
        columns={Meaning.UAI: column.position, **columns},
        questions=questions,
        remarks=[*mapping.remarks, remark] if changed else mapping.remarks,
    )


def _describe_choice(column: _UaiColumn, columns: Sequence[_UaiColumn], titles: Sequence[Title]) -> str:
    others = join_names([_name(other, titles) for other in columns if other is not column])
    return f"L'UAI est lu dans {_name(column, titles)}, et non dans {others}."


def _add_compared_rows(mapping: ColumnMapping, kept: Sequence[_UaiColumn], sample: Sequence[CellRow]) -> ColumnMapping:
    def read(row: CellRow, meaning: Meaning) -> str:
        index = mapping.columns.get(meaning, len(row))
        return cell_to_text(row[index]) if index < len(row) else ""

    return mapping._replace(
        compared=tuple(
            ComparedRow(
                read(row, Meaning.NAME),
                read(row, Meaning.COMMUNE),
                read(row, Meaning.POSTAL_CODE),
                {column.letters: column.uais[number] for column in kept},
            )
            for number, row in enumerate(sample[:MAX_COMPARED_ROWS])
        )
    )


def _name(column: _UaiColumn, titles: Sequence[Title]) -> str:
    return name_column(titles[column.position].text, column.position)
