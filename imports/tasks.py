"""Tasks of imports: read the file, apply its rows, undo them, build the annotated workbook."""

import contextlib
import datetime
import logging
from functools import partial

from django.conf import settings
from django.db import Error
from django.utils import timezone

from accounts.models import User
from core.exceptions import DomainError
from imports import progress
from imports.enums import ImportState, Purpose
from imports.formats.exceptions import UnreadableFile
from imports.models import ANNOTATED_FILE_KEPT, CONTENTS_KEPT, AnnotatedFile, ImportFile, ImportRow, SpreadsheetImport
from imports.operations import annotation, apply_rows, cancellation, import_lock, intake, undo_import
from imports.parsing.spreadsheet import ParsedSheet
from jobs.due import declare_due_work
from jobs.periodic_tasks import disable_gc
from jobs.retention import declare_retention, declare_retention_by_queries
from jobs.tasks import WATCHED_RETRY, declare_lane, task

logger = logging.getLogger(__name__)

# A job that is lost has its office looked at: see the triggers of the queue.
declare_due_work(import_lock.RECOVER_TASK)
declare_retention(
    SpreadsheetImport,
    kept_for=CONTENTS_KEPT,
    since=cancellation.LAST_EVENT,
    only=cancellation.AT_REST,
    remove=cancellation.delete_contents,
    batch_size=20,
)
declare_retention_by_queries(
    ImportRow,
    kept_for=datetime.timedelta(),
    list_old=cancellation.list_rows_left,
    find_oldest=cancellation.find_oldest_left,
)
# None that is being built: its job would find no row.
declare_retention(AnnotatedFile, kept_for=ANNOTATED_FILE_KEPT, since="made_at")
declare_lane(import_lock.QUEUE, threads=1, is_suspect=True)
declare_lane(import_lock.LARGE_QUEUE, threads=settings.IMPORTS_THREADS, is_suspect=True)


@task(
    name=import_lock.READ_TASK,
    queue=import_lock.QUEUE,
    retry=WATCHED_RETRY,
    on_given_up=cancellation.report_reading_given_up,
)
def read(import_id: int) -> None:
    """Parse an uploaded file and check its rows, or reject it with the reason."""
    from imports import foreign_files  # noqa: PLC0415 - loads what writes workbooks, which workers alone need

    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    if spreadsheet_import.state != ImportState.UPLOADED:
        # Its worker may have died between its commit and its last note.
        progress.clear(import_id)
        return
    with disable_gc(), progress.report_progress(import_id, progress.READING_SHARES) as report:
        try:
            report("reading", 0, 0)
            content = bytes(ImportFile.objects.values_list("content", flat=True).get(pk=import_id))
            options = intake.get_parsing_options(spreadsheet_import)
            known = intake.load_parsing_context(spreadsheet_import)
            parse = partial(foreign_files.parse_foreign_file, content)
            found: ParsedSheet = parse(options, partial(report, "reading"), known=known)
            if (answered := intake.answer_by_directory(options, found)) is not None:
                found = parse(answered, partial(report, "reading"), known=known)
            # Up to 20 MB, beside the rows made of it.
            del content, parse
            intake.store_parsed(import_id=import_id, parsed_sheet=found, on_progress=report)
        except progress.ImportStopped:
            cancellation.cancel_stopped(import_id=import_id, at=timezone.now())
        except UnreadableFile as refusal:
            intake.reject(import_id=import_id, sentence=refusal.sentence, code=refusal.code)


@task(
    name=import_lock.APPLY_TASK,
    queue=import_lock.QUEUE,
    retry=WATCHED_RETRY,
    on_given_up=cancellation.report_application_given_up,
)
def apply(import_id: int, confirmed_at: str = "") -> None:
    """Apply a confirmed import; on a domain error, return it to review with the reason."""
    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    at = datetime.datetime.fromisoformat(confirmed_at) if confirmed_at else timezone.now()
    by = User.objects.filter(pk=spreadsheet_import.applied_by_id).first() if spreadsheet_import.applied_by_id else None
    shares = progress.PORTFOLIO_SHARES if spreadsheet_import.purpose == Purpose.PORTFOLIO else progress.APPLYING_SHARES
    with disable_gc(), progress.report_progress(import_id, shares) as report:
        try:
            apply_rows.apply(import_id=import_id, by=by, at=at, on_progress=report)
        except progress.ImportStopped:
            cancellation.cancel_stopped(import_id=import_id, at=timezone.now())
        except DomainError as refusal:
            apply_rows.return_to_review(import_id=import_id, sentence=refusal.sentence, code=refusal.code)


@task(name=import_lock.RECOVER_TASK)
def recover_abandoned() -> int:
    """Recover the current collectivity's imports whose job is gone; return how many."""
    return cancellation.recover_abandoned(at=timezone.now())


@task(name=import_lock.UNDO_TASK, queue=import_lock.QUEUE, retry=WATCHED_RETRY)
def undo(import_id: int, asked_at: str, by_id: int | None = None) -> None:
    """Undo an applied import; if a member stops it, it stays applied."""
    by = User.objects.filter(pk=by_id).first() if by_id else None
    with (
        progress.report_progress(import_id, progress.UNDOING_SHARES) as report,
        contextlib.suppress(progress.ImportStopped),
    ):
        undo_import.undo(import_id=import_id, by=by, at=datetime.datetime.fromisoformat(asked_at), on_progress=report)


@task(
    name=import_lock.ANNOTATE_TASK,
    queue=import_lock.QUEUE,
    retry=WATCHED_RETRY,
    on_given_up=annotation.mark_annotation_failed,
)
def annotate(import_id: int) -> None:
    """Build the annotated workbook, or record that it failed. A database error is retried."""
    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    try:
        made, digest = annotation.build_annotated_workbook(spreadsheet_import)
    except UnreadableFile as refusal:
        annotation.mark_annotation_failed(import_id=import_id, sentence=refusal.sentence)
        return
    except Error:
        raise
    except Exception:
        logger.exception("The annotated workbook could not be built.")
        annotation.mark_annotation_failed(import_id=import_id)
        return
    annotation.store_annotated_workbook(import_id=import_id, made=made, digest=digest, at=timezone.now())
