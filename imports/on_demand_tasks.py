"""Tasks that a member requests: undo an applied import, build its annotated workbook."""

from __future__ import annotations

import contextlib
import datetime
import logging

from django.db import Error
from django.utils import timezone

from accounts.models import User
from imports import progress
from imports.formats.exceptions import UnreadableFile
from imports.models import SpreadsheetImport
from imports.operations import annotation
from imports.operations.import_lock import ANNOTATE_TASK, QUEUE, UNDO_TASK
from imports.operations.undo_import import undo as undo_import
from jobs.tasks import WATCHED_RETRY, task

logger = logging.getLogger(__name__)


@task(name=UNDO_TASK, queue=QUEUE, retry=WATCHED_RETRY)
def undo(import_id: int, asked_at: str, by_id: int | None = None) -> None:
    """Undo an applied import; if a member stops it, it stays applied."""
    by = User.objects.filter(pk=by_id).first() if by_id else None
    with (
        progress.report_progress(import_id, progress.UNDOING_SHARES) as report,
        contextlib.suppress(progress.ImportStopped),
    ):
        undo_import(import_id=import_id, by=by, at=datetime.datetime.fromisoformat(asked_at), on_progress=report)


@task(name=ANNOTATE_TASK, queue=QUEUE, retry=WATCHED_RETRY, on_given_up=annotation.mark_annotation_failed)
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
