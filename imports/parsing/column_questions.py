"""Ask which of several columns counts: of UAI, or of e-mail addresses. Pure."""

import re
from collections.abc import Mapping, Sequence
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


def choose_email_column(mapping: ColumnMapping, table: SampledTable) -> None:
    """Give the question about addresses an option for each column, and read the column of its answer.

    An address that is not the school's is not read, as its key would go there: where it may be, that is asked.
    """
    candidates, columns = mapping.candidates.get(Meaning.EMAIL, []), mapping.columns
    question = next((question for question in mapping.questions if question.column == Meaning.EMAIL), None)
    if question is None and Meaning.EMAIL in columns and Meaning.EMAIL not in table.chosen:
        index = columns[Meaning.EMAIL]
        name = name_column(table.titles[index].text, index)
        if holds_several_addresses(index, columns, table.sample):
            del columns[Meaning.EMAIL]
            mapping.remarks.append(
                f"Une même école a plusieurs adresses dans {name} : elles sont de personnes, et ne sont pas lues."
            )
        elif may_be_personal(index, table.titles, table.sample):
            del columns[Meaning.EMAIL]
            candidates = [index]
            message = f"Les adresses de {name} sont peut-être celles de personnes, et non des écoles. "
            question = LayoutQuestion(Meaning.EMAIL, EMAIL_COLUMNS, message, likely=NO_COLUMN)
    if question is None or not candidates:
        return
    question = question._replace(
        code=EMAIL_COLUMNS,
        message=f"{question.message.rpartition('. ')[0]}. À laquelle écrire ?",
        options=(*_describe_columns(candidates, table), AnswerOption(NO_COLUMN, _NONE_LABEL)),
    ).answered_by(table.answers)
    if question.answer not in ("", NO_COLUMN):
        columns[Meaning.EMAIL] = column_index(question.answer)
    mapping.drop_questions(Meaning.EMAIL)
    mapping.questions.append(question)


def choose_name_column(mapping: ColumnMapping, table: SampledTable) -> None:
    """Ask where several columns name schools, which have one number between them; read the column of the answer."""
    if Meaning.NAME in table.chosen or mapping.columns.keys() & NAMING_COLUMNS != {Meaning.NAME}:
        return
    rivals = find_rival_names(table.titles, table.sample)
    if mapping.columns[Meaning.NAME] not in rivals:
        return
    names = join_names([name_column(table.titles[index].text, index) for index in rivals])
    question = LayoutQuestion(
        Meaning.NAME,
        JOINED_TABLES,
        f"Les colonnes {names} nomment chacune une école, pour un seul nombre par ligne. À laquelle le donner ?",
        _describe_columns(rivals, table),
    ).answered_by(table.answers)
    if question.answer:
        mapping.columns[Meaning.NAME] = column_index(question.answer)
    mapping.questions.append(question)


def _describe_columns(indexes: Sequence[int], table: SampledTable) -> tuple[AnswerOption, ...]:
    options = []
    for index in indexes:
        example = next((text for row in table.sample if index < len(row) and (text := cell_to_text(row[index]))), "")
        name = name_column(table.titles[index].text, index)
        options.append(AnswerOption(column_letters(index), f"{name}{EXAMPLES if example else ''}{example}"))
    return tuple(options)


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
    title: Title
    #: In upper case, by row; "" where there is none.
    uais: list[str]

    @property
    def letters(self) -> str:
        return column_letters(self.position)

    @property
    def name(self) -> str:
        return name_column(self.title.text, self.position)

    @property
    def option(self) -> AnswerOption:
        examples = [uai for uai in dict.fromkeys(self.uais) if uai][:_MAX_EXAMPLES]
        return AnswerOption(self.letters, f"{self.name}{EXAMPLES}{', '.join(examples)}")

    @property
    def distinct(self) -> set[str]:
        return set(self.uais) - {""}


def choose_uai_column(mapping: ColumnMapping, table: SampledTable) -> None:
    """Read the column of UAI that names every row; ask where several do.

    Of those the column with the surest title is taken, which the directory may correct: `mapping.compared`.
    """
    index = table.chosen.get(Meaning.UAI)
    is_answered = UAI_COLUMNS in table.answers
    if Meaning.UAI in table.chosen and index is None and not is_answered:
        return
    others = {position for meaning, position in mapping.columns.items() if meaning != Meaning.UAI}
    columns = [column for column in _list_columns(table.titles, table.sample) if column.position not in others]
    if len(columns) < 2 or (index is not None and index not in {column.position for column in columns}):  # noqa: PLR2004
        return
    kept = _drop_groups(columns, index, mapping.columns.get(Meaning.UAI))
    if len(kept) == 1:
        _take(mapping, kept[0], columns)
        return
    question = LayoutQuestion(
        Meaning.UAI,
        UAI_COLUMNS,
        f"Plusieurs colonnes peuvent donner « UAI de l'école » : {join_names([column.name for column in kept])}. "
        "Choisissez la bonne.",
        tuple(column.option for column in kept),
        column_letters(index) if index is not None else _find_surest(kept),
    ).answered_by(table.answers)
    _take(mapping, next((column for column in kept if column.letters == question.answer), None), kept)
    mapping.questions.append(question)
    if index is None and not is_answered:
        mapping.compared = _list_compared_rows(mapping.columns, kept, table.sample)


def _list_columns(titles: Sequence[Title], sample: Sequence[CellRow]) -> list[_UaiColumn]:
    """Return the columns that mostly hold UAI, damaged ones included."""
    found = []
    for position, title in enumerate(titles[:MAX_SAMPLED_COLUMNS]):
        cells = [row[position] if position < len(row) else "" for row in sample]
        filled = [cell for cell in cells if cell_to_text(cell)]
        # A name with a UAI beside it is a text too.
        hits = sum(1 for cell in filled if (types := classify_cell(cell)) & _UAI_TYPES and not types & CellType.TEXT)
        if hits and hits >= DOMINANT_SHARE * len(filled) and not is_added_title(title.text):
            found.append(_UaiColumn(position, title, [cell_to_text(cell).upper() for cell in cells]))
    related = [column for column in found if not is_unrelated(column.title)]
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


def _find_surest(columns: Sequence[_UaiColumn]) -> str:
    """Return the letters of the column whose title says « UAI » and no more, "" where several do as well, or none.

    « UAI 1 » and « UAI 2 » are equally sure, and so is « UAI » beside them.
    """
    tiers = [match_meanings(column.title).get(Meaning.UAI, _FIRST_DOUBTFUL_TIER) for column in columns]
    texts = [_without_number(column.title.text) for column in columns]
    best = tiers.index(min(tiers))
    is_sure = tiers.count(tiers[best]) == 1 and tiers[best] < _FIRST_DOUBTFUL_TIER and texts.count(texts[best]) == 1
    return columns[best].letters if is_sure else ""


def _without_number(text: str) -> str:
    return " ".join(_NUMBER.sub(" ", fold(text)).split())


def _take(mapping: ColumnMapping, column: _UaiColumn | None, columns: Sequence[_UaiColumn]) -> None:
    """Read this column of UAI, or none, of several; without another question about it."""
    before = mapping.columns.pop(Meaning.UAI, None)
    mapping.drop_questions(Meaning.UAI)
    if column is None:
        return
    mapping.columns = {Meaning.UAI: column.position, **mapping.columns}
    if before != column.position:
        others = join_names([other.name for other in columns if other is not column])
        mapping.remarks.append(f"L'UAI est lu dans {column.name}, et non dans {others}.")


def _list_compared_rows(
    columns: Mapping[Meaning, int], kept: Sequence[_UaiColumn], sample: Sequence[CellRow]
) -> tuple[ComparedRow, ...]:
    def read(row: CellRow, meaning: Meaning) -> str:
        index = columns.get(meaning, len(row))
        return cell_to_text(row[index]) if index < len(row) else ""

    return tuple(
        ComparedRow(
            read(row, Meaning.NAME),
            read(row, Meaning.COMMUNE),
            read(row, Meaning.POSTAL_CODE),
            {column.letters: column.uais[number] for column in kept},
        )
        for number, row in enumerate(sample[:MAX_COMPARED_ROWS])
    )
