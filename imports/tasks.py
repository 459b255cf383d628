"""Tasks that every import goes through: read the file, apply its rows. Both are idempotent."""

from __future__ import annotations

import datetime
from functools import partial

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from core.exceptions import DomainError
from imports import progress
from imports.enums import ImportState, Purpose
from imports.foreign_files import parse_foreign_file
from imports.formats.exceptions import UnreadableFile
from imports.models import ANNOTATED_FILE_KEPT, CONTENTS_KEPT, AnnotatedFile, ImportFile, ImportRow, SpreadsheetImport
from imports.operations.apply_rows import apply as apply_import
from imports.operations.apply_rows import return_to_review
from imports.operations.cancellation import (
    AT_REST,
    LAST_EVENT,
    cancel_stopped,
    delete_contents,
    find_oldest_left,
    list_rows_left,
    report_application_given_up,
    report_reading_given_up,
)
from imports.operations.cancellation import recover_abandoned as recover_abandoned_imports
from imports.operations.import_lock import APPLY_TASK, LARGE_QUEUE, QUEUE, READ_TASK, RECOVER_TASK
from imports.operations.intake import (
    answer_by_directory,
    get_parsing_options,
    load_parsing_context,
    reject,
    store_parsed,
)
from imports.parsing.spreadsheet import ParsedSheet
from jobs.due import declare_due_work
from jobs.periodic_tasks import disable_gc
from jobs.retention import declare_retention, declare_retention_by_queries
from jobs.tasks import WATCHED_RETRY, declare_lane, task

# A job that is lost has its office looked at: see the triggers of the queue.
declare_due_work(RECOVER_TASK)
declare_retention(
    SpreadsheetImport, kept_for=CONTENTS_KEPT, since=LAST_EVENT, only=AT_REST, remove=delete_contents, batch_size=20
)
declare_retention_by_queries(
    ImportRow, kept_for=datetime.timedelta(), list_old=list_rows_left, find_oldest=find_oldest_left
)
# None that is being built: its job would find no row.
declare_retention(AnnotatedFile, kept_for=ANNOTATED_FILE_KEPT, since="made_at")
declare_lane(QUEUE, threads=1, is_suspect=True)
declare_lane(LARGE_QUEUE, threads=settings.IMPORTS_THREADS, is_suspect=True)


@task(name=READ_TASK, queue=QUEUE, retry=WATCHED_RETRY, on_given_up=report_reading_given_up)
def read(import_id: int) -> None:
    """Parse an uploaded file and check its rows, or reject it with the reason."""
    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    if spreadsheet_import.state != ImportState.UPLOADED:
        # Its worker may have died between its commit and its last note.
        progress.clear(import_id)
        return
    with disable_gc(), progress.report_progress(import_id, progress.READING_SHARES) as report:
        try:
            report("reading", 0, 0)
            content = bytes(ImportFile.objects.values_list("content", flat=True).get(pk=import_id))
            options, known = get_parsing_options(spreadsheet_import), load_parsing_context(spreadsheet_import)
            found: ParsedSheet = parse_foreign_file(content, options, partial(report, "reading"), known=known)
            if (answered := answer_by_directory(options, found)) is not None:
                found = parse_foreign_file(content, answered, partial(report, "reading"), known=known)
            store_parsed(import_id=import_id, parsed_sheet=found, on_progress=report)
        except progress.ImportStopped:
            cancel_stopped(import_id=import_id, at=timezone.now())
        except UnreadableFile as refusal:
            reject(import_id=import_id, sentence=refusal.sentence, code=refusal.code)


def _report_application_given_up(*, import_id: int, confirmed_at: str = "") -> None:  # noqa: ARG001 - the task's
    report_application_given_up(import_id=import_id)


@task(name=APPLY_TASK, queue=QUEUE, retry=WATCHED_RETRY, on_given_up=_report_application_given_up)
def apply(import_id: int, confirmed_at: str = "") -> None:
    """Apply a confirmed import; on a domain error, return it to review with the reason."""
    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    at = datetime.datetime.fromisoformat(confirmed_at) if confirmed_at else timezone.now()
    by = User.objects.filter(pk=spreadsheet_import.applied_by_id).first() if spreadsheet_import.applied_by_id else None
    shares = progress.PORTFOLIO_SHARES if spreadsheet_import.purpose == Purpose.PORTFOLIO else progress.APPLYING_SHARES
    with disable_gc(), progress.report_progress(import_id, shares) as report:
        try:
            apply_import(import_id=import_id, by=by, at=at, on_progress=report)
        except progress.ImportStopped:
            cancel_stopped(import_id=import_id, at=timezone.now())
        except DomainError as refusal:
            return_to_review(import_id=import_id, sentence=refusal.sentence, code=refusal.code)


@task(name=RECOVER_TASK)
def recover_abandoned() -> int:
    """Recover the current collectivity's imports whose job is gone; return how many."""
    return recover_abandoned_imports(at=timezone.now())
