"""Parse a file into rows: the only entry point for pages, command and benchmarks. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import NamedTuple

from imports import cells
from imports.columns import Meaning
from imports.enums import Purpose, Volume
from imports.formats import limits
from imports.formats.exceptions import check_height, too_many_rows
from imports.formats.sheet_types import CellRow, Workbook
from imports.layout import DOUBTFUL_NUMBERS, MAX_COLUMNS, DetectedLayout, LayoutQuestion, PreviewRow, SheetRegion
from imports.parsing import questions as layout_questions
from imports.parsing import repeated_schools, row_decisions
from imports.parsing.cell_classification import limit_sample, match_commune
from imports.parsing.column_mapping import (
    ColumnMapping,
    ComparedRow,
    SampledTable,
    find_outdated_meanings,
    map_columns,
)
from imports.parsing.column_questions import choose_email_column, choose_name_column, choose_uai_column
from imports.parsing.declined_rows import list_declined_rows
from imports.parsing.doubtful_numbers import ask_doubtful_numbers, leave_out_adding
from imports.parsing.headers import compute_header_digest
from imports.parsing.ignored_rows import find_announced_commune
from imports.parsing.joined_tables import JOINED_TABLES
from imports.parsing.number_columns import choose_number_columns
from imports.parsing.repeated_schools import NumberSource
from imports.parsing.rows import ParsedRow
from imports.parsing.sheet_selection import (
    DetectedSheet,
    SheetSelection,
    collect_sample,
    find_origin,
    read_banner,
    select_sheets,
)
from imports.parsing.sheet_shapes import reshape_sheets
from imports.parsing.stacked_tables import ReadTable, TableReader, describe_tables, list_further_tables

#: Rows shown above the header, and from the header on.
ROWS_ABOVE = 3
ROWS_BELOW = 5
#: Enough of a cell to recognise its column.
MAX_TEXT_LENGTH = 60


def build_preview(rows: Iterable[CellRow], header_row: int | None) -> list[PreviewRow]:
    """Return the rows around the header, or the first ones without one."""
    first = max((header_row or 1) - ROWS_ABOVE, 1)
    last = (header_row or 0) + ROWS_BELOW
    return [
        PreviewRow(number, [_shorten(cells.cell_to_text(cell)) for cell in row[:MAX_COLUMNS]])
        for number, row in enumerate(islice(rows, first - 1, last), start=first)
    ]


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else text[: MAX_TEXT_LENGTH - 1] + "…"


#: « 2-Alès », « Nîmes (12) ».
_NUMBERING = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def fill_communes(tables: Sequence[ReadTable], communes: frozenset[str]) -> int:
    """Fill in the commune of the sheet in rows without one; return in how many.

    Only for tables without a column for commune or postal code. Sheet names are used only where most of several sheets
    are named after a commune.
    """
    names = {table.detected.index: table.detected.sheet.name for table in tables}
    named = {index for index, name in names.items() if match_commune(name, communes)}
    if len(names) == 1 or len(named) * 2 <= len(names):
        named = set()
    count = 0
    for table in tables:
        index = table.detected.index
        if Meaning.COMMUNE in table.columns or Meaning.POSTAL_CODE in table.columns:
            continue
        banner = (cells.cell_to_text(cell) for row in read_banner(table.detected) for cell in row)
        announced = (find_announced_commune(text, communes) for text in banner)
        commune = next(filter(None, announced), _NUMBERING.sub("", names[index]) if index in named else "")
        for row in table.body.rows if commune else ():
            if not row.ignored and "commune" not in row.cells:
                row.cells["commune"] = commune
                count += 1
    return count


@dataclass(frozen=True)
class ParsingOptions:
    """The member's choices; what is not chosen is detected."""

    purpose: Purpose = Purpose.ALLOCATION
    #: Names of the sheets to read.
    sheets: Sequence[str] | None = None
    #: From 1; 0 for « no header row ».
    header_row: int | None = None
    #: None for a meaning without a column.
    columns: Mapping[Meaning, int | None] = field(default_factory=dict)
    volume: Volume | None = None
    units_for_all: int | None = None
    #: Value of the chosen option by code of the question.
    answers: Mapping[str, str] = field(default_factory=dict)
    #: The year in which the school year of the licences ends: a title of another year is asked about. None: none is.
    school_year: int | None = None


_DETECTED = ParsingOptions()

#: No row can be parsed while a question about one of these is open.
BLOCKING_COLUMNS = frozenset(
    {Meaning.UAI.value, Meaning.NAME.value, Meaning.COMMUNE.value, Meaning.POSTAL_CODE.value, "sheets"}
)

#: Questions about the rows of one file: what was answered for another is likely, and asked again.
_ABOUT_ROWS = frozenset({repeated_schools.QUESTION, row_decisions.QUESTION})


class RememberedMapping(NamedTuple):
    """The mapping last confirmed for a header."""

    columns: Mapping[Meaning, int | None]
    volume: Volume | None
    #: By code of the question.
    answers: Mapping[str, str] = {}


_NOTHING = RememberedMapping({}, None)


class ParsingContext(NamedTuple):
    """Data from the collectivity and the directory that parsing uses, loaded by the caller."""

    #: By the digest of the header.
    remembered: Mapping[str, RememberedMapping] = {}
    #: Folded names of communes, to recognise a column of communes whatever its title.
    communes: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class ParsedSheet(DetectedLayout):
    """The result of parsing. No rows while a question about the sheets or a blocking column is open."""

    rows: Sequence[ParsedRow] = ()
    #: Rows by which the directory can choose between several columns of UAI; none where it need not.
    compared: Sequence[ComparedRow] = ()


def parse_spreadsheet(
    content: bytes,
    choices: ParsingOptions,
    progress: Callable[[int, int], None] | None = None,
    known: ParsingContext | None = None,
) -> ParsedSheet:
    """Parse a file. Raises `UnreadableFile`. `progress` is called now and then with the rows read and their total."""
    from imports.formats.detection import open_workbook  # noqa: PLC0415 - the child has its libraries, not each process

    return _parse_workbook(open_workbook(content), choices, progress or (lambda *_: None), known or ParsingContext())


def _parse_workbook(
    opened: Workbook, choices: ParsingOptions, progress: Callable[[int, int], None], known: ParsingContext
) -> ParsedSheet:
    workbook = reshape_sheets(opened, choices.answers)
    if choices.sheets and not {sheet.name for sheet in workbook.sheets}.issuperset(choices.sheets):
        # They were chosen before tables side by side were read otherwise.
        choices = replace(choices, header_row=None, columns={})
    layout = select_sheets(workbook, sheets=choices.sheets, header_row=choices.header_row)
    check_height(sum(detected.sheet.height for detected in layout.detected_sheets))
    first = layout.detected_sheets[0]
    titles = [title.text for title in first.titles]
    header_digest = compute_header_digest(titles)
    same_titles = [
        one for one in layout.detected_sheets if one is first or one.header_digest == first.header_digest != ""
    ]
    remembered = _NOTHING if choices.columns else known.remembered.get(header_digest, _NOTHING)
    outdated = find_outdated_meanings(remembered.columns, first.titles, collect_sample(same_titles))
    if outdated:
        remembered = _NOTHING
    recalled = {code: answer for code, answer in remembered.answers.items() if code not in choices.answers}
    if JOINED_TABLES in recalled:
        answers = {**choices.answers, JOINED_TABLES: recalled[JOINED_TABLES]}
        return _parse_workbook(opened, replace(choices, answers=answers), progress, known)
    settled = {code: answer for code, answer in recalled.items() if _holds(code, answer)}
    choices = replace(choices, answers={**settled, **choices.answers})
    mapping = _map_sheets(same_titles, known, choices, remembered=remembered, recalled=recalled)
    volume = _choose_volume(choices, remembered, mapping)
    about_columns = [*mapping.questions, *layout_questions.ask_outdated_columns(outdated, mapping.columns, titles)]
    questions = layout_questions.add_joined_tables(
        _list_column_questions(about_columns, choices, volume, mapping),
        [
            question.answered_by(choices.answers)
            for name, question in workbook.questions.items()
            if any(find_origin(detected.sheet).name == name for detected in layout.detected_sheets)
        ],
    )
    rows: list[ParsedRow] = []
    tables: list[ReadTable] = []
    remarks: list[str] = []
    if not any(
        question.is_open and (question.column in BLOCKING_COLUMNS or question.code == JOINED_TABLES)
        for question in questions
    ):
        # While a question about quantities or e-mails is open, the schools are shown all the same.
        units_column = column if (column := volume_column(volume)) in mapping.columns else None
        sheet_mappings = [
            mapping if detected in same_titles else _map_separately(detected, known)
            for detected in layout.detected_sheets
        ]
        reader = TableReader(units_column, known.communes, lambda table: _map_separately(table, known), progress)
        tables = reader.read(layout.detected_sheets, sheet_mappings)
        layout, about_sheets, remarks = _read_unread_sheets(layout, reader, choices)
        questions += about_sheets
        filled_count = fill_communes(tables, known.communes)
        sheet_versions = layout_questions.ask_duplicate_sheets(tables)
        versions = [*sheet_versions, *layout_questions.resolve_duplicate_tables(tables, choices.answers)]
        questions += versions
        several_versions = any(question.is_open for question in versions)
        rows = [] if sheet_versions else [row for table in tables for row in table.body.rows]
        # The schools of several versions of a list are repeated for that reason alone.
        source = NumberSource(
            None if several_versions else units_column,
            choices.units_for_all if volume is Volume.ALL else None,
            "" if several_versions else layout_questions.find_missing_source(questions),
        )
        lists = {detected.sheet.name for detected in (*layout.detected_sheets, *layout.unread)}
        others = [sheet for sheet in workbook.sheets if sheet.name not in lists]
        declined = list_declined_rows(tables, others, known.communes, choices.answers)
        decided = row_decisions.decide_rows(
            rows, source, choices.answers, [sheet.name for sheet in workbook.sheets], tables, declined=declined
        )
        rows = decided.rows
        questions = layout_questions.add_row_questions(questions, decided.questions)
        if not sheet_versions:
            corrections = [layout_questions.describe_correction(table) for table in tables if not versions]
            remarks += [
                *describe_tables(tables, units_column),
                *chain.from_iterable(corrections),
                *layout_questions.describe_filled_values([table.body for table in tables], filled_count),
                *decided.remarks,
            ]
        if len(rows) > limits.MAX_ROWS:
            raise too_many_rows(len(rows))
    return ParsedSheet(
        kind=workbook.kind,
        sheets=[sheet.name for sheet in workbook.sheets],
        regions=[SheetRegion(detected.index, detected.header_row) for detected in layout.detected_sheets],
        further_tables=list_further_tables(tables, mapping.columns),
        titles=titles,
        preview=build_preview(first.sheet.rows(), first.header_row),
        columns=mapping.columns,
        volume=volume,
        header_digest=header_digest,
        remembered=remembered is not _NOTHING,
        questions=[_suggest(one, remembered.answers) for one in layout_questions.limit_questions(questions)],
        answered=[question for question in questions if not question.is_open],
        remarks=[
            *workbook.remarks,
            *layout_questions.describe_sheets(layout, questions),
            *mapping.remarks,
            *remarks,
            *layout_questions.describe_remembered(questions, remembered.columns, recalled, titles),
        ],
        rows=rows,
        compared=mapping.compared,
        sums={meaning: list(indexes) for meaning, indexes in mapping.sums.items()},
    )


def _read_unread_sheets(
    layout: SheetSelection, reader: TableReader, choices: ParsingOptions
) -> tuple[SheetSelection, list[LayoutQuestion], list[str]]:
    """Read the further sheets that the answer takes; return all sheets, the question, and remarks about the others."""
    rows = [row for table in reader.tables for row in table.body.rows]
    sheets = layout_questions.find_unread_sheets(layout.unread, reader.map_table)
    is_asked = not choices.sheets or layout_questions.UNREAD_SHEETS in choices.answers
    further = layout_questions.select_further_sheets(sheets, reader.volume, rows) if is_asked and reader.volume else []
    remarks = layout_questions.describe_cited_schools([sheet for sheet in sheets if sheet not in further], rows)
    if not further:
        return layout, [], remarks
    question = layout_questions.ask_unread_sheets(further).answered_by(choices.answers)
    taken = [sheet for sheet in further if not question.is_open and sheet.option in question.taken]
    detected_sheets = [*layout.detected_sheets, *(sheet.detected for sheet in taken)]
    check_height(sum(detected.sheet.height for detected in detected_sheets))
    reader.read([sheet.detected for sheet in taken], [sheet.mapping for sheet in taken])
    unread = [detected for detected in layout.unread if detected not in detected_sheets]
    return SheetSelection(detected_sheets, unread), [question], remarks


def _holds(code: str, answer: str) -> bool:
    """Whether a remembered answer holds for any file of the same titles: of numbers, that they are not to be read."""
    return answer.startswith("not-") if code == DOUBTFUL_NUMBERS else code not in _ABOUT_ROWS


def _suggest(question: LayoutQuestion, remembered: Mapping[str, str]) -> LayoutQuestion:
    """Return an open question with the remembered answer as the likely one, where it still is an option."""
    answer = remembered.get(question.code, "")
    return question._replace(likely=answer) if answer in {option.value for option in question.options} else question


def volume_column(volume: Volume | str | None) -> Meaning | None:
    """Return the meaning that gives the number of licences, None where no column does."""
    return {Volume.COLUMN: Meaning.UNITS, Volume.CLASSES: Meaning.CLASSES}.get(Volume(volume)) if volume else None


def _list_column_questions(
    questions: Sequence[LayoutQuestion], choices: ParsingOptions, volume: Volume | None, mapping: ColumnMapping
) -> list[LayoutQuestion]:
    """Return the questions about columns that matter for this volume, and the one where no column gives a number.

    Doubtful numbers that do not matter are not read: nobody is asked about them.
    """
    asked = [one for one in questions if layout_questions.is_relevant(one.column, choices.purpose, volume)]
    for question in questions:
        if question not in asked and question.is_open and question.code == DOUBTFUL_NUMBERS:
            mapping.columns.pop(Meaning(question.column), None)
    if choices.purpose is Purpose.PORTFOLIO:
        # There are no licences to add to.
        asked = [leave_out_adding(question) for question in asked]
    asked += layout_questions.ask_volume(choices.purpose, volume, volume_column(volume), mapping.columns, asked)
    return [question.answered_by(choices.answers) for question in asked]


def _choose_volume(choices: ParsingOptions, remembered: RememberedMapping, mapping: ColumnMapping) -> Volume | None:
    if choices.purpose is Purpose.PORTFOLIO:
        return None
    if choices.volume is not None or choices.units_for_all is not None:
        return choices.volume or Volume.ALL
    if remembered.volume not in (None, Volume.ALL):
        return remembered.volume
    # A column that is only in question counts as well.
    available = set(mapping.columns) | {question.column for question in mapping.questions if question.is_open}
    if Meaning.UNITS in available:
        return Volume.COLUMN
    return Volume.CLASSES if Meaning.CLASSES in available else None


def _map_sheets(
    sheets: Sequence[DetectedSheet],
    known: ParsingContext,
    choices: ParsingOptions = _DETECTED,
    *,
    remembered: RememberedMapping = _NOTHING,
    recalled: Mapping[str, str] | None = None,
) -> ColumnMapping:
    """Return the mapping for sheets with the same titles, its numbers settled or in question.

    `recalled`: the remembered answers where the member gives no other.
    """
    titles = sheets[0].titles
    table = SampledTable(
        titles,
        limit_sample(collect_sample(sheets), len(titles)),
        {**choices.columns, **remembered.columns},
        choices.answers,
        frozenset[int]().union(*(detected.sheet.hidden_columns for detected in sheets)),
        known.communes,
        recalled or {},
        choices.school_year,
    )
    mapping = map_columns(table)
    for choose in (choose_uai_column, choose_name_column, choose_email_column, choose_number_columns):
        choose(mapping, table)
    ask_doubtful_numbers(mapping, table, read_banner(sheets[0]), choices.columns)
    return mapping


def _map_separately(detected: DetectedSheet, known: ParsingContext) -> ColumnMapping:
    """Return the mapping of a sheet whose titles differ from the first one's.

    Nothing is asked about it: a number in doubt is missing from its rows.
    """
    mapping = _map_sheets([detected], known)
    for question in mapping.questions:
        if question.is_open and question.column:
            mapping.columns.pop(Meaning(question.column), None)
    return mapping
