"""Parse a file into rows: the only entry point for pages, command and benchmarks. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple

from imports import cells
from imports.columns import Meaning
from imports.enums import Purpose, Volume
from imports.formats import limits
from imports.formats.exceptions import check_height, too_many_rows
from imports.formats.sheet_types import CellRow
from imports.layout import DOUBTFUL_NUMBERS, MAX_COLUMNS, DetectedLayout, LayoutQuestion, PreviewRow, SheetRegion
from imports.parsing import questions as layout_questions
from imports.parsing.cell_classification import limit_sample, match_commune
from imports.parsing.column_mapping import (
    ColumnMapping,
    ComparedRow,
    SampledTable,
    find_outdated_meanings,
    map_columns,
)
from imports.parsing.column_questions import choose_email_column, choose_name_column, choose_uai_column
from imports.parsing.column_titles import Title
from imports.parsing.declined_rows import list_declined_rows
from imports.parsing.doubtful_numbers import ask_doubtful_numbers, leave_out_adding
from imports.parsing.headers import compute_header_digest
from imports.parsing.joined_tables import JOINED_TABLES
from imports.parsing.number_columns import choose_number_columns
from imports.parsing.questions import (
    UNREAD_SHEETS,
    ask_unread_sheets,
    find_unread_sheets,
    resolve_duplicate_tables,
)
from imports.parsing.repeated_schools import QUESTION as REPEATED_SCHOOLS
from imports.parsing.repeated_schools import NumberSource
from imports.parsing.row_decisions import QUESTION as SHARED_NUMBERS
from imports.parsing.row_decisions import decide_rows
from imports.parsing.rows import ParsedRow
from imports.parsing.sheet_selection import (
    DetectedSheet,
    SheetSelection,
    collect_sample,
    find_origin,
    read_banner,
    select_sheets,
)
from imports.parsing.sheet_shapes import ReshapedWorkbook, open_tables
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
        PreviewRow(number, [_truncate(cells.cell_to_text(cell)) for cell in row[:MAX_COLUMNS]])
        for number, row in enumerate(islice(rows, first - 1, last), start=first)
    ]


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else text[: MAX_TEXT_LENGTH - 1] + "…"


#: Rows searched above the header.
MAX_ROWS_ABOVE = 10
_ANNOUNCED_COMMUNE = re.compile(
    r"\s*(?:ville|commune|mairie)\s+(?:de\s+la\s+|de\s+l['’]|de\s+|du\s+|des\s+|d['’])?([^–:,;(|]+?)\s*(?:[–:,;(|].*|\s-\s.*)?",
    re.IGNORECASE,
)

#: « 2-Alès », « Nîmes (12) ».
_NUMBERING = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def fill_communes(tables: Sequence[ReadTable], communes: frozenset[str]) -> int:
    """Fill in the commune of the sheet in rows without one; return in how many.

    Only for tables without a column for commune or postal code. Sheet names are used only where most of several sheets
    are named after a commune.
    """
    names = {table.detected.index: table.detected.sheet.name for table in tables}
    name_communes = {index: match_commune(name, communes) for index, name in names.items()}
    trusts_names = len(names) > 1 and sum(map(bool, name_communes.values())) * 2 > len(names)
    count = 0
    for table in tables:
        detected, columns, body = table.detected, table.columns, table.body
        name = name_communes[detected.index]
        if Meaning.COMMUNE in columns or Meaning.POSTAL_CODE in columns:
            continue
        commune = _find_announced_commune(detected, communes) or (
            _NUMBERING.sub("", detected.sheet.name) if trusts_names and name else ""
        )
        for row in body.rows if commune else ():
            if not row.ignored and "commune" not in row.cells:
                row.cells["commune"] = commune
                count += 1
    return count


def describe_filled(count: int) -> str:
    """Return the French sentence about communes that were filled in."""
    lines = "une ligne" if count == 1 else f"{count} lignes"
    return f"La commune, d'après le nom de la feuille ou son titre, a été reportée sur {lines}."


def _find_announced_commune(detected: DetectedSheet, communes: frozenset[str]) -> str:
    """Return the commune in a row above the header, « Ville de Nîmes – licences 2026 »; "" where there is none."""
    above = (detected.header_row or 1) - 1
    for row in islice(detected.sheet.rows(), max(0, above - MAX_ROWS_ABOVE), above):
        for text in (cells.cell_to_text(cell) for cell in row if isinstance(cell, str) and cell):
            match = _ANNOUNCED_COMMUNE.fullmatch(text)
            if match is not None and match_commune(match[1], communes):
                return match[1]
    return ""


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


#: No row can be parsed while a question about one of these is open.
BLOCKING_COLUMNS = frozenset(
    {Meaning.UAI.value, Meaning.NAME.value, Meaning.COMMUNE.value, Meaning.POSTAL_CODE.value, "sheets"}
)

#: Questions about the rows of one file: what was answered for another is likely, and asked again.
_ABOUT_ROWS = frozenset({REPEATED_SCHOOLS, SHARED_NUMBERS})


class RememberedMapping(NamedTuple):
    """The mapping last confirmed for a header."""

    columns: Mapping[Meaning, int | None]
    volume: Volume | None
    #: By code of the question.
    answers: Mapping[str, str] = {}


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
    known = known or ParsingContext()
    workbook, choices = _open(content, choices)
    layout = select_sheets(workbook, sheets=choices.sheets, header_row=choices.header_row)
    check_height(sum(detected.sheet.height for detected in layout.detected_sheets))
    first = layout.detected_sheets[0]
    titles = [title.text for title in first.titles]
    header_digest = compute_header_digest(titles)
    same_titles = [detected for detected in layout.detected_sheets if detected.header_digest == first.header_digest]
    sample = collect_sample(same_titles)
    remembered_mapping, outdated = _recall(choices, known.remembered.get(header_digest), first.titles, sample)
    recalled = _list_recalled(remembered_mapping, choices)
    if JOINED_TABLES in recalled:
        return parse_spreadsheet(content, _answer_joined_tables(choices, recalled), progress, known)
    settled = {code: answer for code, answer in recalled.items() if _holds(code, answer)}
    choices = replace(choices, answers={**settled, **choices.answers})
    mapping = _map_sheet(
        first.titles,
        sample,
        remembered_mapping.columns if remembered_mapping else choices.columns,
        choices.answers,
        communes=known.communes,
        banner=read_banner(first),
        hidden=frozenset().union(*(detected.sheet.hidden_columns for detected in same_titles)),
        by_hand=choices.columns,
        recalled=recalled,
        school_year=choices.school_year,
    )
    volume = _choose_volume(choices, remembered_mapping, mapping)
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
            mapping if detected.header_digest == first.header_digest else _map_separately(detected, known)
            for detected in layout.detected_sheets
        ]
        reader = TableReader(
            units_column,
            known.communes,
            lambda table: _map_separately(table, known),
            progress,
        )
        tables = reader.read(layout.detected_sheets, sheet_mappings)
        layout, about_sheets = _read_unread_sheets(layout, reader, choices)
        questions += about_sheets
        filled_count = fill_communes(tables, known.communes)
        sheet_versions = layout_questions.ask_duplicate_sheets(tables)
        versions = [*sheet_versions, *resolve_duplicate_tables(tables, choices.answers)]
        questions += versions
        several_versions = any(question.is_open for question in versions)
        rows = [] if sheet_versions else [row for table in tables for row in table.body.rows]
        # The schools of several versions of a list are repeated for that reason alone.
        source = NumberSource.of(
            volume,
            None if several_versions else units_column,
            choices.units_for_all,
            "" if several_versions else layout_questions.find_missing_source(questions),
        )
        declined = list_declined_rows(tables, layout.list_other_sheets(workbook), known.communes, choices.answers)
        decided = decide_rows(
            rows, source, choices.answers, [sheet.name for sheet in workbook.sheets], tables, declined=declined
        )
        rows = decided.rows
        questions = layout_questions.add_row_questions(questions, decided.questions)
        if not sheet_versions:
            remarks += describe_tables(tables, units_column)
            remarks += layout_questions.describe_filled_values([table.body for table in tables])
            remarks += [describe_filled(filled_count)] if filled_count else []
            remarks += decided.remarks
        if len(rows) > limits.MAX_ROWS:
            raise too_many_rows(len(rows))
    remarks = [
        *workbook.remarks, *layout_questions.describe_sheets(layout, questions), *mapping.remarks, *remarks
    ]  # fmt: skip
    if remembered_mapping is not None:
        remarks += layout_questions.describe_remembered(questions, remembered_mapping.columns, recalled, titles)
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
        remembered=remembered_mapping is not None,
        questions=[_suggest(one, remembered_mapping) for one in layout_questions.limit_questions(questions)],
        answered=[question for question in questions if not question.is_open],
        remarks=remarks,
        rows=rows,
        compared=mapping.compared,
        sums={meaning: list(indexes) for meaning, indexes in mapping.sums.items()},
    )


def _open(content: bytes, choices: ParsingOptions) -> tuple[ReshapedWorkbook, ParsingOptions]:
    """Return the workbook, and the choices without those made before tables side by side were read otherwise."""
    workbook = open_tables(content, choices.answers)
    if choices.sheets and not {sheet.name for sheet in workbook.sheets}.issuperset(choices.sheets):
        return workbook, replace(choices, header_row=None, columns={})
    return workbook, choices


def _read_unread_sheets(
    layout: SheetSelection, reader: TableReader, choices: ParsingOptions
) -> tuple[SheetSelection, list[LayoutQuestion]]:
    """Read the further sheets that the member's answer takes; return the sheets with them, and the question."""
    if reader.volume is None or (choices.sheets and UNREAD_SHEETS not in choices.answers):
        return layout, []
    read = [row for table in reader.tables for row in table.body.rows]
    sheets = find_unread_sheets(layout.unread, reader.map_table, {reader.volume}, read)
    if not sheets:
        return layout, []
    question = ask_unread_sheets(sheets).answered_by(choices.answers)
    taken = [sheet for sheet in sheets if not question.is_open and sheet.option in question.taken]
    further = [sheet.detected for sheet in taken]
    check_height(sum(detected.sheet.height for detected in (*layout.detected_sheets, *further)))
    reader.read(further, [sheet.mapping for sheet in taken])
    unread = [detected for detected in layout.unread if detected not in further]
    return SheetSelection([*layout.detected_sheets, *further], unread), [question]


def _list_recalled(remembered: RememberedMapping | None, choices: ParsingOptions) -> dict[str, str]:
    """Return the remembered answers, where the member gives no other."""
    answers = remembered.answers.items() if remembered else ()
    return {code: answer for code, answer in answers if code not in choices.answers}


def _answer_joined_tables(choices: ParsingOptions, recalled: Mapping[str, str]) -> ParsingOptions:
    """Return the choices with the remembered answer by which the workbook is opened anew."""
    return replace(choices, answers={**choices.answers, JOINED_TABLES: recalled[JOINED_TABLES]})


def _holds(code: str, answer: str) -> bool:
    """Whether a remembered answer holds for any file of the same titles: of numbers, that they are not to be read."""
    return answer.startswith("not-") if code == DOUBTFUL_NUMBERS else code not in _ABOUT_ROWS


def _suggest(question: LayoutQuestion, remembered: RememberedMapping | None) -> LayoutQuestion:
    """Return an open question with the remembered answer as the likely one, where it still is an option."""
    answer = remembered.answers.get(question.code, "") if remembered else ""
    return question._replace(likely=answer) if answer in {option.value for option in question.options} else question


def volume_column(volume: Volume | str | None) -> Meaning | None:
    """Return the meaning that gives the number of licences, None where no column does."""
    return {Volume.COLUMN: Meaning.UNITS, Volume.CLASSES: Meaning.CLASSES}.get(Volume(volume)) if volume else None


def _recall(
    choices: ParsingOptions, remembered: RememberedMapping | None, titles: Sequence[Title], sample: Sequence[CellRow]
) -> tuple[RememberedMapping | None, list[Meaning]]:
    """Return the remembered mapping, None where columns were chosen or moved; and the meanings whose column moved."""
    if remembered is None or choices.columns:
        return None, []
    outdated = find_outdated_meanings(remembered.columns, titles, sample)
    return None if outdated else remembered, outdated


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


def _choose_volume(
    choices: ParsingOptions, remembered_mapping: RememberedMapping | None, mapping: ColumnMapping
) -> Volume | None:
    if choices.purpose is Purpose.PORTFOLIO:
        return None
    if choices.volume is not None:
        return choices.volume
    if choices.units_for_all is not None:
        return Volume.ALL
    if (
        remembered_mapping is not None
        and remembered_mapping.volume is not None
        and remembered_mapping.volume is not Volume.ALL
    ):
        return remembered_mapping.volume
    # A column that is only in question counts as well.
    available = set(mapping.columns) | {question.column for question in mapping.questions if question.is_open}
    if Meaning.UNITS in available:
        return Volume.COLUMN
    return Volume.CLASSES if Meaning.CLASSES in available else None


def _map_sheet(
    titles: Sequence[Title],
    sample: Sequence[CellRow],
    chosen: Mapping[Meaning, int | None],
    answers: Mapping[str, str],
    *,
    communes: frozenset[str],
    banner: Sequence[CellRow],
    hidden: frozenset[int],
    by_hand: Mapping[Meaning, int | None] | None = None,
    recalled: Mapping[str, str] | None = None,
    school_year: int | None = None,
) -> ColumnMapping:
    """Return the mapping for these titles and rows, its numbers settled or in question.

    `banner`: the rows above. `hidden`: the columns that the file hides. `by_hand`: the chosen columns that are not
    remembered ones. `recalled`: the remembered answers.
    """
    titled = any(title.text for title in titles)
    mapping = map_columns(titles, sample, chosen, communes=communes, titled=titled, hidden=hidden)
    sample = limit_sample(sample, len(titles))
    table = SampledTable(titles, sample, chosen, answers, hidden)
    for choose in (choose_uai_column, choose_name_column, choose_email_column, choose_number_columns):
        mapping = choose(mapping, table)
    return ask_doubtful_numbers(
        mapping,
        titles,
        sample,
        answers,
        banner,
        chosen=by_hand,
        hidden=hidden,
        recalled=recalled,
        school_year=school_year,
    )


def _map_separately(detected: DetectedSheet, known: ParsingContext) -> ColumnMapping:
    """Return the mapping of a chosen sheet whose titles differ from the first one's.

    Nothing is asked about it: a number in doubt is missing from its rows.
    """
    mapping = _map_sheet(
        detected.titles,
        collect_sample([detected]),
        {},
        {},
        communes=known.communes,
        banner=read_banner(detected),
        hidden=detected.sheet.hidden_columns,
    )
    for question in mapping.questions:
        if question.is_open and question.column:
            mapping.columns.pop(Meaning(question.column), None)
    return mapping
