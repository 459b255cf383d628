"""Tasks of the import worker. All are idempotent."""

from __future__ import annotations

import contextlib
import datetime
import logging
from functools import partial
from typing import TYPE_CHECKING

from django.utils import timezone

from accounts.models import User
from imports import gc_pause, operations, progress
from imports.enums import ImportState, Purpose
from imports.formats.exceptions import UnreadableFile
from imports.models import ImportFile, SpreadsheetImport
from imports.operations import annotation
from imports.operations.import_lock import ANNOTATE_TASK
from imports.parsing.spreadsheet import parse_spreadsheet
from jobs.periodic_tasks import periodic_task
from jobs.tasks import task
from licensing.exceptions import LicensingError

if TYPE_CHECKING:
    from imports.parsing.spreadsheet import ParsedSheet

logger = logging.getLogger(__name__)


@task(name=operations.READ_TASK, queue="imports", retry=3)
def read(import_id: int) -> None:
    """Parse an uploaded file and check its rows, or reject it with the reason."""
    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    if spreadsheet_import.state != ImportState.UPLOADED:
        return
    with gc_pause.disable_gc(), progress.report_progress(import_id, progress.READING_SHARES) as report:
        try:
            report("reading", 0, 0)
            content = bytes(ImportFile.objects.values_list("content", flat=True).get(pk=import_id))
            found: ParsedSheet = parse_spreadsheet(
                content,
                operations.get_parsing_options(spreadsheet_import),
                partial(report, "reading"),
                known=operations.load_parsing_context(spreadsheet_import),
            )
            operations.store_parsed(import_id=import_id, parsed_sheet=found, on_progress=report)
        except progress.ImportStopped:
            operations.cancel_stopped(import_id=import_id, at=timezone.now())
        except UnreadableFile as refusal:
            operations.reject(import_id=import_id, sentence=refusal.sentence, code=refusal.code)


@task(name=operations.APPLY_TASK, queue="imports", retry=3)
def apply(import_id: int, confirmed_at: str = "") -> None:
    """Apply a confirmed import; on a domain error, return it to review with the reason."""
    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    at = datetime.datetime.fromisoformat(confirmed_at) if confirmed_at else timezone.now()
    by = User.objects.filter(pk=spreadsheet_import.applied_by_id).first() if spreadsheet_import.applied_by_id else None
    shares = progress.PORTFOLIO if spreadsheet_import.purpose == Purpose.PORTFOLIO else progress.APPLYING_SHARES
    with gc_pause.disable_gc(), progress.report_progress(import_id, shares) as report:
        try:
            operations.apply(import_id=import_id, by=by, at=at, on_progress=report)
        except progress.ImportStopped:
            operations.cancel_stopped(import_id=import_id, at=timezone.now())
        except LicensingError as refusal:
            operations.return_to_review(import_id=import_id, sentence=refusal.sentence, code=refusal.code)


@task(name=operations.UNDO_TASK, queue="imports", retry=3)
def undo(import_id: int, asked_at: str, by_id: int | None = None) -> None:
    """Undo an applied import; if a member stops it, it stays applied."""
    by = User.objects.filter(pk=by_id).first() if by_id else None
    with (
        progress.report_progress(import_id, progress.UNDOING_SHARES) as report,
        contextlib.suppress(progress.ImportStopped),
    ):
        operations.undo(import_id=import_id, by=by, at=datetime.datetime.fromisoformat(asked_at), on_progress=report)


@periodic_task(every=datetime.timedelta(minutes=1))
def recover_abandoned() -> int:
    """Recover imports whose job is gone; return how many."""
    return operations.recover_abandoned(at=timezone.now())


@task(name=ANNOTATE_TASK, queue="imports")
def annotate(import_id: int) -> None:
    """Build the annotated workbook, or record that it failed."""
    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    try:
        made, digest = annotation.build_annotated_workbook(spreadsheet_import)
    except Exception:
        logger.exception("The annotated workbook could not be built.")
        annotation.mark_annotation_failed(import_id=import_id)
        return
    annotation.store_annotated_workbook(import_id=import_id, made=made, digest=digest, at=timezone.now())
