"""Upload a file, choose its layout, and store the parsed rows."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.db import transaction

from collectivities import audit_log
from imports import rows
from imports.checks import CheckRequest, check_rows, context_queries
from imports.checks.school_resolution import collect_uais, resolve_schools
from imports.enums import ImportState, Purpose, Volume
from imports.meanings import Meaning
from imports.models import ImportFile, RememberedLayout, SpreadsheetImport
from imports.operations import carried_decisions, corrected_file
from imports.operations.import_lock import READ_TASK, lock_import, queue_task
from imports.parsing.spreadsheet import ParsingContext, ParsingOptions, RememberedMapping
from licensing.pools.models import Pool
from licensing.pools.operations import no_progress
from schools.queries import list_communes

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from accounts.models import User
    from imports.parsing.spreadsheet import ParsedSheet
    from licensing.pools.operations import ProgressCallback
    from schools.recognition import SchoolSummary


@transaction.atomic
def upload(
    *,
    purpose: Purpose = Purpose.ALLOCATION,
    pool_id: int | None,
    filename: str,
    content: bytes,
    units_for_all: int | None,
    volume: str = "",
    choices: Mapping[str, Any] | None = None,
    corrects: SpreadsheetImport | None = None,
    by: User | None,
    at: datetime.datetime,
) -> SpreadsheetImport:
    """Store a file and queue its parsing. `choices`: layout choices known beforehand.

    `corrects`: the import that this file corrects; by default detected from the file's provenance.
    """
    pool = Pool.objects.get(pk=pool_id or 0) if purpose == Purpose.ALLOCATION else None
    spreadsheet_import = SpreadsheetImport(
        purpose=purpose,
        pool=pool,
        filename=filename[-255:],
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        volume=volume,
        units_for_all=units_for_all,
        choices=dict(choices or {}),
        created_at=at,
        created_by_id=by.pk if by else None,
    )
    earlier, choice = corrected_file.find_corrected_import(content, purpose=purpose, pool_id=pool_id)
    if corrects is not None and earlier != corrects:
        earlier, choice = corrects, None
    if earlier is not None:
        corrected_file.inherit_settings(spreadsheet_import, earlier, choice)
    spreadsheet_import.save()
    ImportFile.objects.create(of=spreadsheet_import, content=content)
    target = f"le lot « {pool.name} »" if pool else "le périmètre"
    audit_log.record(
        action="import.uploaded",
        by=by,
        at=at,
        summary=f"Tableau « {spreadsheet_import.filename} » déposé pour {target}.",
        object_type="import",
        object_id=spreadsheet_import.pk,
    )
    queue_task(READ_TASK, spreadsheet_import)
    return spreadsheet_import


@transaction.atomic
def choose_layout(
    *,
    import_id: int,
    sheets: Sequence[str] | None,
    header_row: int | None,
    columns: Mapping[str, int | None],
    volume: str = "",
    units_for_all: int | None,
    by: User | None,
    at: datetime.datetime,
) -> SpreadsheetImport:
    """Store layout choices and queue the file to be parsed again.

    Edits, conflict resolutions, set-aside flags and ticks are lost. The meanings of the columns are remembered for the
    next file with the same titles.
    """
    spreadsheet_import = lock_import(import_id, ImportState.READ, ImportState.CHECKED)
    spreadsheet_import.choices = {
        "sheets": list(sheets) if sheets else None,
        "header_row": header_row,
        "columns": dict(columns),
    }
    spreadsheet_import.volume, spreadsheet_import.units_for_all = volume, units_for_all
    spreadsheet_import.state = ImportState.UPLOADED
    spreadsheet_import.refusal = ""
    spreadsheet_import.save(update_fields=["choices", "volume", "units_for_all", "state", "refusal"])
    if columns:
        remember_columns(spreadsheet_import, columns, by=by, at=at)
    queue_task(READ_TASK, spreadsheet_import)
    return spreadsheet_import


def remember_columns(
    spreadsheet_import: SpreadsheetImport, columns: Mapping[str, int | None], *, by: User | None, at: datetime.datetime
) -> None:
    """Remember the meanings of these columns by header row; no-op without header row."""
    if not spreadsheet_import.layout.get("header_digest"):
        return
    RememberedLayout.objects.update_or_create(
        purpose=spreadsheet_import.purpose,
        header_digest=spreadsheet_import.layout["header_digest"],
        defaults={
            "titles": spreadsheet_import.layout["titles"],
            # The column added to an annotated workbook is not part of the data.
            "columns": {meaning: index for meaning, index in columns.items() if meaning != Meaning.CHOICE},
            "volume": spreadsheet_import.volume or spreadsheet_import.layout.get("volume") or "",
            "confirmed_at": at,
            "confirmed_by_id": by.pk if by else None,
        },
    )


def remember_layout(spreadsheet_import: SpreadsheetImport, *, by: User | None, at: datetime.datetime) -> None:
    """Remember the detected layout, which the member confirmed by applying the import.

    A meaning without a column stays open, unless the member removed it.
    """
    taken_away = {
        meaning: index for meaning, index in spreadsheet_import.choices.get("columns", {}).items() if index is None
    }
    remember_columns(spreadsheet_import, taken_away | spreadsheet_import.layout.get("columns", {}), by=by, at=at)


def get_parsing_options(spreadsheet_import: SpreadsheetImport) -> ParsingOptions:
    """Return the layout choices of an import."""
    columns = {Meaning(meaning): index for meaning, index in spreadsheet_import.choices.get("columns", {}).items()}
    return ParsingOptions(
        purpose=Purpose(spreadsheet_import.purpose),
        sheets=spreadsheet_import.choices.get("sheets"),
        header_row=spreadsheet_import.choices.get("header_row"),
        columns=columns,
        volume=Volume(spreadsheet_import.volume) if spreadsheet_import.volume else None,
        units_for_all=spreadsheet_import.units_for_all,
    )


def load_parsing_context(spreadsheet_import: SpreadsheetImport) -> ParsingContext:
    """Return parsing hints: remembered layouts and names of communes."""
    remembered = {
        header_digest: RememberedMapping(
            {Meaning(meaning): index for meaning, index in columns.items()}, Volume(volume) if volume else None
        )
        for header_digest, columns, volume in RememberedLayout.objects.filter(
            purpose=spreadsheet_import.purpose
        ).values_list("header_digest", "columns", "volume")
    }
    return ParsingContext(remembered, list_communes())


@transaction.atomic
def store_parsed(
    *, import_id: int, parsed_sheet: ParsedSheet, on_progress: ProgressCallback = no_progress
) -> SpreadsheetImport:
    """Store the parsed rows with their verdicts. No-op if the import was cancelled meanwhile.

    `watch`: called before each step; an exception rolls everything back.
    """
    spreadsheet_import = corrected_file.lock_with_corrected(import_id)
    if spreadsheet_import.state != ImportState.UPLOADED or corrected_file.requeue_if_moved(
        spreadsheet_import, parsed_sheet
    ):
        return spreadsheet_import
    first = parsed_sheet.regions[0] if parsed_sheet.regions else None
    spreadsheet_import.layout = {
        "kind": parsed_sheet.kind,
        "sheets": parsed_sheet.sheets,
        "read": [region._asdict() for region in parsed_sheet.regions],
        "sheet": parsed_sheet.sheets[first.sheet] if first else "",
        "header_row": first.header_row if first else None,
        "titles": parsed_sheet.titles,
        "preview": parsed_sheet.preview,
        "columns": {meaning.value: index for meaning, index in parsed_sheet.columns.items()},
        "volume": parsed_sheet.volume,
        "header_digest": parsed_sheet.header_digest,
        "remembered": parsed_sheet.remembered,
        "questions": [question.as_json() for question in parsed_sheet.questions],
        "remarks": parsed_sheet.remarks,
        "rows": len(parsed_sheet.rows),
    }
    on_progress("resolving", 0, len(parsed_sheet.rows))
    glances_by_uai: dict[str, SchoolSummary] = {}
    schools = resolve_schools(((row, {}) for row in parsed_sheet.rows), glances_by_uai)
    on_progress("judging", 0, len(parsed_sheet.rows))
    context = context_queries.load_context(spreadsheet_import, collect_uais(schools), glances_by_uai)
    requests = [CheckRequest(row, school) for row, school in zip(parsed_sheet.rows, schools, strict=True)]
    on_progress("storing", 0, len(parsed_sheet.rows))
    rows.insert_rows(spreadsheet_import.pk, check_rows(requests, context))
    spreadsheet_import.state = ImportState.READ if parsed_sheet.questions else ImportState.CHECKED
    spreadsheet_import.save(update_fields=["layout", "state", "corrects_id"])
    carried_decisions.carry_over_decisions(spreadsheet_import)
    return spreadsheet_import


@transaction.atomic
def reject(*, import_id: int, sentence: str, code: str = "") -> SpreadsheetImport:
    """Reject the file, with a French reason and a code for programs."""
    spreadsheet_import = SpreadsheetImport.objects.locked().get(pk=import_id)
    if spreadsheet_import.state == ImportState.UPLOADED and not corrected_file.requeue_without_choices(
        spreadsheet_import
    ):
        spreadsheet_import.state, spreadsheet_import.refusal = ImportState.REJECTED, sentence
        spreadsheet_import.layout = {"refused": code}
        spreadsheet_import.save(update_fields=["state", "refusal", "layout"])
    return spreadsheet_import
