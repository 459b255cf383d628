"""Choose the layout of a file, which is remembered; store its parsed rows, with what was decided before."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import starmap
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from accounts.models import User
from core.spreadsheets import clean_sheet_name
from imports import rows
from imports.checks import context_queries
from imports.checks.context import CheckRequest
from imports.checks.row_checks import check_rows
from imports.checks.school_resolution import collect_uais, find_agreeing_column, name_examples, resolve_schools
from imports.columns import NUMBER_COLUMNS, Meaning
from imports.enums import APPLICABLE, ImportState, Purpose, RequestAnswer, Volume
from imports.layout import DOUBTFUL_NUMBERS, NO_COLUMN, DetectedLayout, Layout, LayoutChoices
from imports.models import ImportRow, RememberedLayout, SpreadsheetImport
from imports.operations.application_requests import REQUEST_FIELDS, answer_request, end_request
from imports.operations.import_lock import READ_TASK, lock_import, queue_task, record_in_journal
from imports.operations.recheck import change_rows
from imports.operations.upload import check_volume, lock_with_corrected, requeue_if_moved, requeue_without_choices
from imports.parsing.column_mapping import column_index, column_letters
from imports.parsing.column_questions import UAI_COLUMNS
from imports.parsing.questions import DUPLICATE_TABLES
from imports.parsing.spreadsheet import ParsedSheet, ParsingContext, ParsingOptions, RememberedMapping
from imports.problems import ADDED_UP
from licensing.entitlements.queries import get_school_year
from licensing.pools.checks import ProgressCallback, no_progress
from schools.queries import list_communes
from schools.recognition.candidates import SchoolSummary

# Carry decisions about rows over to the corrected file, and cancel the import that it replaces.
#
# Rows are matched by sheet and cells, not by number, as rows may have been added or deleted.

#: States in which an import is cancelled when a corrected file replaces it.
_REPLACEABLE_STATES = (ImportState.UPLOADED, ImportState.READ, ImportState.CHECKED)
# Each row of the corrected file with the earlier row that has the same cells, apart from the choice; duplicates are
# paired in order; NULL if there is none. Then whether the choice differs, also from the school chosen on the page,
# which the annotated workbook repeats.
_PAIRS_SQL = """
WITH sheets AS (SELECT * FROM unnest(%(now)s::int[], %(was)s::int[]) AS one (now, was)),
later AS (
    SELECT id, sheet, cells, cells - 'choice' AS said,
           row_number() OVER (PARTITION BY sheet, cells - 'choice' ORDER BY number) AS nth
    FROM imports_importrow WHERE import_id = %(later)s
),
earlier AS (
    SELECT row.id, sheets.now AS sheet, row.cells, row.cells - 'choice' AS said,
           row_number() OVER (PARTITION BY row.sheet, row.cells - 'choice' ORDER BY row.number) AS nth,
           row.edits ->> 'uai' AS chosen
    FROM imports_importrow AS row JOIN sheets ON sheets.was = row.sheet WHERE row.import_id = %(earlier)s
)
SELECT later.id, earlier.id, later.cells -> 'choice' IS DISTINCT FROM earlier.cells -> 'choice'
       AND split_part(later.cells ->> 'choice', ' ', 1) IS DISTINCT FROM earlier.chosen
FROM later LEFT JOIN earlier USING (sheet, said, nth)
"""
# A tick set or removed by a member is kept if the verdict is the same. Untick first: the database allows one ticked row
# per school.
_UNTICK_SQL = """
UPDATE imports_importrow AS now SET ticked = false
FROM unnest(%(now)s::bigint[], %(was)s::bigint[]) AS pair (now, was), imports_importrow AS was
WHERE now.id = pair.now AND was.id = pair.was AND now.verdict = was.verdict AND now.ticked AND NOT was.ticked
"""
_TICK_SQL = """
UPDATE imports_importrow AS now SET ticked = true
FROM unnest(%(now)s::bigint[], %(was)s::bigint[]) AS pair (now, was), imports_importrow AS was
WHERE now.id = pair.now AND was.id = pair.was AND now.verdict = was.verdict AND was.ticked AND NOT now.ticked
  AND now.verdict = ANY(%(applicable)s) AND now.uai = was.uai AND now.recipient IS NOT DISTINCT FROM was.recipient
  AND NOT EXISTS (
      SELECT FROM imports_importrow AS other
      WHERE other.import_id = now.import_id AND other.uai = now.uai AND other.ticked
  )
"""


def carry_over_decisions(spreadsheet_import: SpreadsheetImport) -> None:
    """Copy decisions to the unchanged rows, mark the others as altered, and cancel the earlier import."""
    if spreadsheet_import.corrects_id is None:
        return
    earlier = SpreadsheetImport.objects.get(pk=spreadsheet_import.corrects_id)
    pairs = _pair_rows(spreadsheet_import, earlier)
    altered = [now for now, was, other_choice in pairs if was is None or other_choice]
    ImportRow.objects.extra(where=["id = ANY(%s)"], params=[altered]).update(altered=True)
    kept = {now: was for now, was, _ in pairs if was is not None}
    _carry_decisions(spreadsheet_import, kept, set(altered))
    ids: dict[str, list[Any]] = {
        "now": list(kept),
        "was": list(kept.values()),
        "applicable": list(map(str, APPLICABLE)),
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNTICK_SQL, ids)
        cursor.execute(_TICK_SQL, ids)
    _cancel_replaced(earlier, spreadsheet_import)


def _pair_rows(spreadsheet_import: SpreadsheetImport, earlier: SpreadsheetImport) -> list[tuple[int, int | None, bool]]:
    before = {clean_sheet_name(name, n): n - 1 for n, name in enumerate(earlier.layout.sheets, start=1)}
    names = [clean_sheet_name(name, number) for number, name in enumerate(spreadsheet_import.layout.sheets, start=1)]
    sheets = [(now, before[name]) for now, name in enumerate(names) if name in before]
    with connection.cursor() as cursor:
        cursor.execute(
            _PAIRS_SQL,
            {
                "now": [now for now, _ in sheets],
                "was": [was for _, was in sheets],
                "later": spreadsheet_import.pk,
                "earlier": earlier.pk,
            },
        )
        pairs: list[tuple[int, int | None, bool]] = cursor.fetchall()
    return pairs


def _carry_decisions(spreadsheet_import: SpreadsheetImport, kept: dict[int, int], altered: set[int]) -> None:
    """Copy edits, set-aside flags and conflict resolutions to the unchanged rows, and check them again."""
    decided = {
        row.pk: row
        for row in ImportRow.objects.filter(import_id=spreadsheet_import.corrects_id or 0).filter(
            ~Q(edits={}) | Q(set_aside=True) | ~Q(conflict_resolution="") | Q(notes__contains=[{"code": ADDED_UP}])
        )
    }
    # Rows ignored by the parser that a member restored.
    ignored_ids = (
        ImportRow.objects.filter(import_id=spreadsheet_import.pk)
        .exclude(ignored_reason="")
        .values_list("pk", flat=True)
    )
    restored_ids = [kept[pk] for pk in ignored_ids if pk in kept]
    for row in ImportRow.objects.filter(pk__in_array=restored_ids, ignored_reason=""):
        decided[row.pk] = row
    rows = [now for now, was in kept.items() if was in decided]
    changed = list(ImportRow.objects.filter(pk__in_array=rows))
    if not changed:
        return

    def decide(row: ImportRow) -> None:
        was = decided[kept[row.pk]]
        row.edits, row.conflict_resolution = was.edits, was.conflict_resolution
        row.set_aside, row.awaited, row.ignored_reason = was.set_aside, was.awaited, was.ignored_reason
        row.notes = [*row.notes, *(note for note in was.notes if note["code"] == ADDED_UP)]
        if row.pk in altered:
            # A school chosen in the workbook is more recent than the decision, and restores the row.
            row.set_aside = row.awaited = False
            row.edits = {meaning: text for meaning, text in was.edits.items() if meaning != Meaning.UAI}

    change_rows(spreadsheet_import, changed, decide)


def _cancel_replaced(earlier: SpreadsheetImport, spreadsheet_import: SpreadsheetImport) -> None:
    if earlier.state not in _REPLACEABLE_STATES:
        return
    by = User.objects.filter(pk=spreadsheet_import.created_by_id or 0).first()
    earlier.state = ImportState.CANCELLED
    earlier.save(update_fields=["state"])
    answer_request(earlier, RequestAnswer.REPLACED, by=by, at=spreadsheet_import.created_at)
    what = f"remplacé par « {spreadsheet_import.filename} » : rien n'en a été appliqué"
    record_in_journal("import.replaced", earlier, what, by=by, at=spreadsheet_import.created_at)


def load_remembered(spreadsheet_import: SpreadsheetImport) -> dict[str, RememberedMapping]:
    """Return what is remembered for this purpose, by the digest of the titles."""
    stored = RememberedLayout.objects.filter(purpose=spreadsheet_import.purpose)
    return {
        header_digest: RememberedMapping(
            {Meaning(meaning): index for meaning, index in columns.items()}, Volume(volume) if volume else None, answers
        )
        for header_digest, columns, volume, answers in stored.values_list(
            "header_digest", "columns", "volume", "answers"
        )
    }


def read_answers(
    columns: Mapping[Meaning, int | None], layout: Layout, answers: Mapping[str, str]
) -> dict[Meaning, int | None]:
    """Return the chosen columns with those that answers name; of a sum, its first one."""
    read = dict(columns)
    for question in (*layout.questions, *layout.answered):
        answer = question.answered_by(answers).answer if question.code in answers else ""
        if columns and answer and question.names_columns:
            index = column_index(answer.split("+")[0]) if answer != NO_COLUMN else None
            if index is None or index not in columns.values():
                read[Meaning(question.column)] = index
    return read


def remember_columns(
    spreadsheet_import: SpreadsheetImport,
    columns: Mapping[Meaning, int | None],
    answers: Mapping[str, str],
    *,
    by: User | None,
    at: datetime.datetime,
) -> None:
    """Remember the columns by header row, and the answers; no-op without header row.

    What was answered for an earlier file is kept for the questions, and the values of columns, that this one lacks.
    """
    layout = spreadsheet_import.layout
    if not layout.header_digest:
        return
    asked = {question.code: question for question in (*layout.questions, *layout.answered)}
    before = RememberedLayout.objects.filter(
        purpose=spreadsheet_import.purpose, header_digest=layout.header_digest
    ).first()
    earlier = before.answers if before else {}
    remembered = {code: answer for code, answer in earlier.items() if code not in asked} | {
        code: asked[code].add_earlier(answer, earlier.get(code, ""))
        for code, answer in answers.items()
        # Its answers are places in one file.
        if code in asked and code != DUPLICATE_TABLES
    }
    number = next((index for meaning in NUMBER_COLUMNS if (index := columns.get(meaning)) is not None), None)
    if number is not None and DOUBTFUL_NUMBERS not in answers:
        # A column that was chosen in spite of its title.
        remembered[DOUBTFUL_NUMBERS] = f"give-{column_letters(number)}"
    RememberedLayout.objects.update_or_create(
        purpose=spreadsheet_import.purpose,
        header_digest=layout.header_digest,
        defaults={
            "titles": layout.titles,
            # The column added to an annotated workbook is not part of the data.
            "columns": {str(meaning): index for meaning, index in columns.items() if meaning != Meaning.CHOICE},
            "answers": remembered,
            "volume": spreadsheet_import.volume or layout.volume or "",
            "confirmed_at": at,
            "confirmed_by_id": by.pk if by else None,
        },
    )


def remember_layout(spreadsheet_import: SpreadsheetImport, *, by: User | None, at: datetime.datetime) -> None:
    """Remember the detected layout, which the member confirmed by applying the import.

    A meaning without a column stays open, unless the member removed it.
    """
    removed = {meaning: index for meaning, index in spreadsheet_import.choices.columns.items() if index is None}
    layout = spreadsheet_import.layout
    answers = {question.code: question.answer for question in layout.answered}
    remember_columns(spreadsheet_import, {**removed, **layout.columns}, answers, by=by, at=at)


@transaction.atomic
def choose_layout(
    *,
    import_id: int,
    sheets: Sequence[str] | None,
    header_row: int | None,
    columns: Mapping[Meaning, int | None],
    answers: Mapping[str, str] | None = None,
    volume: str = "",
    units_for_all: int | None,
    by: User | None,
    at: datetime.datetime,
) -> SpreadsheetImport:
    """Store layout choices and queue the file to be parsed again. `answers`: option by code of the question.

    Edits, conflict resolutions, set-aside flags, ticks and the request to apply are lost. What answers a question is
    remembered for the next file with the same titles; another reading of a checked file, when it is applied. Raises
    `Refusal`, `WrongVolume`.
    """
    check_volume(volume, units_for_all)
    spreadsheet_import = lock_import(import_id, ImportState.READ, ImportState.CHECKED)
    is_asked, answers = spreadsheet_import.state == ImportState.READ, answers or {}
    columns = read_answers(columns, spreadsheet_import.layout, answers)
    spreadsheet_import.choices = LayoutChoices(
        sheets=sheets or None, header_row=header_row, columns=columns, answers=answers
    )
    spreadsheet_import.volume, spreadsheet_import.units_for_all = volume, units_for_all
    spreadsheet_import.state = ImportState.UPLOADED
    spreadsheet_import.refusal = ""
    end_request(spreadsheet_import, RequestAnswer.READ_ANEW, by=by, at=at)
    spreadsheet_import.save(update_fields=["choices", "volume", "units_for_all", "state", "refusal", *REQUEST_FIELDS])
    if columns and is_asked:
        remember_columns(spreadsheet_import, columns, answers, by=by, at=at)
    queue_task(READ_TASK, spreadsheet_import)
    return spreadsheet_import


def get_parsing_options(spreadsheet_import: SpreadsheetImport) -> ParsingOptions:
    """Return the layout choices of an import, with the school year of its pool."""
    choices, pool = spreadsheet_import.choices, spreadsheet_import.pool
    return ParsingOptions(
        purpose=Purpose(spreadsheet_import.purpose),
        sheets=choices.sheets,
        header_row=choices.header_row,
        columns=choices.columns,
        volume=Volume(spreadsheet_import.volume) if spreadsheet_import.volume else None,
        units_for_all=spreadsheet_import.units_for_all,
        answers=choices.answers,
        school_year=get_school_year(pool.entitlement.last_day) if pool else None,
    )


def load_parsing_context(spreadsheet_import: SpreadsheetImport) -> ParsingContext:
    """Return parsing hints: remembered layouts and names of communes."""
    return ParsingContext(load_remembered(spreadsheet_import), list_communes())


def answer_by_directory(options: ParsingOptions, parsed_sheet: ParsedSheet) -> ParsingOptions | None:
    """Return options with the column of UAI whose schools bear the rows' names, None where it is read already."""
    letters = find_agreeing_column(parsed_sheet.compared) if parsed_sheet.compared else ""
    questions = [q for q in (*parsed_sheet.questions, *parsed_sheet.answered) if q.code == UAI_COLUMNS]
    if not letters or all(question.answer == letters for question in questions):
        return None
    return replace(options, answers={**options.answers, UAI_COLUMNS: letters})


@transaction.atomic
def store_parsed(
    *, import_id: int, parsed_sheet: ParsedSheet, on_progress: ProgressCallback = no_progress
) -> SpreadsheetImport:
    """Store the parsed rows with their verdicts. No-op if the import was cancelled meanwhile.

    `on_progress`: called before each step; an exception rolls everything back.
    """
    spreadsheet_import = lock_with_corrected(import_id)
    if spreadsheet_import.state != ImportState.UPLOADED or requeue_if_moved(spreadsheet_import, parsed_sheet):
        return spreadsheet_import
    detected = {one.name: getattr(parsed_sheet, one.name) for one in fields(DetectedLayout)}
    detected |= {name: name_examples(detected[name]) for name in ("questions", "answered")}
    spreadsheet_import.layout = Layout(**detected, rows=len(parsed_sheet.rows))
    on_progress("resolving", 0, len(parsed_sheet.rows))
    summaries_by_uai: dict[str, SchoolSummary] = {}
    schools = resolve_schools(
        ((row, {}) for row in parsed_sheet.rows),
        summaries_by_uai,
        for_elementary=context_queries.is_for_elementary(spreadsheet_import),
    )
    on_progress("checking_rows", 0, len(parsed_sheet.rows))
    context = context_queries.load_context(spreadsheet_import, collect_uais(schools), summaries_by_uai)
    on_progress("storing", 0, len(parsed_sheet.rows))

    def read_rows() -> Iterator[CheckRequest]:
        return starmap(CheckRequest, zip(parsed_sheet.rows, schools, strict=True))

    rows.insert_rows(spreadsheet_import.pk, check_rows(read_rows, context))
    spreadsheet_import.state = ImportState.READ if parsed_sheet.questions else ImportState.CHECKED
    spreadsheet_import.save(update_fields=["layout", "state", "corrects_id"])
    carry_over_decisions(spreadsheet_import)
    return spreadsheet_import


@transaction.atomic
def reject(*, import_id: int, sentence: str, code: str = "") -> SpreadsheetImport:
    """Reject the file, with a French reason and a code for programs."""
    spreadsheet_import = SpreadsheetImport.objects.locked().get(pk=import_id)
    if spreadsheet_import.state == ImportState.UPLOADED and not requeue_without_choices(spreadsheet_import):
        spreadsheet_import.state, spreadsheet_import.refusal = ImportState.REJECTED, sentence
        spreadsheet_import.layout = Layout(error_code=code)
        spreadsheet_import.save(update_fields=["state", "refusal", "layout"])
    return spreadsheet_import
