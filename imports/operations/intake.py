"""Choose the layout of a file, which is remembered; store its parsed rows, with what was decided before."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.db import transaction

from accounts.models import User
from imports import rows
from imports.checks import context_queries
from imports.checks.row_checks import check_rows
from imports.checks.row_types import CheckRequest
from imports.checks.school_resolution import collect_uais, resolve_schools
from imports.checks.uai_columns import find_agreeing_column, name_examples
from imports.enums import ImportState, Purpose, RequestAnswer, Volume
from imports.layout import Layout, LayoutChoices
from imports.meanings import Meaning
from imports.models import SpreadsheetImport
from imports.operations.carried_decisions import carry_over_decisions
from imports.operations.corrected_file import lock_with_corrected, requeue_if_moved, requeue_without_choices
from imports.operations.import_lock import READ_TASK, lock_import, queue_task
from imports.operations.remembered_layouts import load_remembered, read_answers, remember_columns
from imports.operations.request_answers import REQUEST_FIELDS, end_request
from imports.operations.upload import check_volume
from imports.parsing.spreadsheet import ParsedSheet, ParsingContext, ParsingOptions
from imports.parsing.uai_columns import UAI_COLUMNS
from licensing.pools.operations.demands import ProgressCallback, no_progress
from schools.queries import list_communes
from schools.recognition.candidates import SchoolSummary


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

    Edits, conflict resolutions, set-aside flags, ticks and the request to apply are lost. The columns, and the answers
    about them, are remembered for the next file with the same titles. Raises `UnknownImport`, `WrongImportState`,
    `WrongVolume`.
    """
    check_volume(volume, units_for_all)
    spreadsheet_import = lock_import(import_id, ImportState.READ, ImportState.CHECKED)
    answers = answers or {}
    columns = read_answers(columns, spreadsheet_import.layout, answers)
    spreadsheet_import.choices = LayoutChoices(
        sheets=sheets or None, header_row=header_row, columns=columns, answers=answers
    )
    spreadsheet_import.volume, spreadsheet_import.units_for_all = volume, units_for_all
    spreadsheet_import.state = ImportState.UPLOADED
    spreadsheet_import.refusal = ""
    end_request(spreadsheet_import, RequestAnswer.READ_ANEW, by=by, at=at)
    spreadsheet_import.save(update_fields=["choices", "volume", "units_for_all", "state", "refusal", *REQUEST_FIELDS])
    if columns:
        remember_columns(spreadsheet_import, columns, answers, by=by, at=at)
    queue_task(READ_TASK, spreadsheet_import)
    return spreadsheet_import


def get_parsing_options(spreadsheet_import: SpreadsheetImport) -> ParsingOptions:
    """Return the layout choices of an import."""
    choices = spreadsheet_import.choices
    return ParsingOptions(
        purpose=Purpose(spreadsheet_import.purpose),
        sheets=choices.sheets,
        header_row=choices.header_row,
        columns=choices.columns,
        volume=Volume(spreadsheet_import.volume) if spreadsheet_import.volume else None,
        units_for_all=spreadsheet_import.units_for_all,
        answers=choices.answers,
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
    spreadsheet_import.layout = Layout(
        kind=parsed_sheet.kind,
        sheets=parsed_sheet.sheets,
        regions=parsed_sheet.regions,
        further_tables=parsed_sheet.further_tables,
        titles=parsed_sheet.titles,
        preview=parsed_sheet.preview,
        columns=parsed_sheet.columns,
        sums=parsed_sheet.sums,
        volume=parsed_sheet.volume,
        header_digest=parsed_sheet.header_digest,
        remembered=parsed_sheet.remembered,
        questions=name_examples(parsed_sheet.questions),
        answered=name_examples(parsed_sheet.answered),
        remarks=parsed_sheet.remarks,
        rows=len(parsed_sheet.rows),
    )
    on_progress("resolving", 0, len(parsed_sheet.rows))
    summaries_by_uai: dict[str, SchoolSummary] = {}
    schools = resolve_schools(((row, {}) for row in parsed_sheet.rows), summaries_by_uai)
    on_progress("checking_rows", 0, len(parsed_sheet.rows))
    context = context_queries.load_context(spreadsheet_import, collect_uais(schools), summaries_by_uai)
    requests = [CheckRequest(row, school) for row, school in zip(parsed_sheet.rows, schools, strict=True)]
    on_progress("storing", 0, len(parsed_sheet.rows))
    rows.insert_rows(spreadsheet_import.pk, check_rows(requests, context))
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
