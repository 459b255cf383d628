"""Tasks of the import worker. All are idempotent."""

from __future__ import annotations

import contextlib
import datetime
import logging
from functools import partial
from typing import TYPE_CHECKING

from django.utils import timezone

from accounts.models import User
from imports import garbage, operations, progress
from imports.enums import ImportState, Purpose
from imports.models import Import, ImportFile
from imports.operations import annotating
from imports.operations.locking import ANNOTATE_TASK
from imports.readers.refusals import Unreadable
from imports.reading.table import read_table
from jobs.tasks import task
from jobs.upkeep import duty
from licensing.exceptions import Refused

if TYPE_CHECKING:
    from imports.reading.table import Table

logger = logging.getLogger(__name__)


@task(name=operations.READ_TASK, queue="imports", retry=3)
def read(import_id: int) -> None:
    """Parse an uploaded file and check its rows, or reject it with the reason."""
    spreadsheet_import = Import.objects.get(pk=import_id)
    if spreadsheet_import.state != ImportState.UPLOADED:
        return
    with garbage.put_off(), progress.reporting(import_id, progress.READING) as report:
        try:
            report("reading", 0, 0)
            content = bytes(ImportFile.objects.values_list("content", flat=True).get(pk=import_id))
            found: Table = read_table(
                content,
                operations.choices_of(spreadsheet_import),
                partial(report, "reading"),
                known=operations.known(spreadsheet_import),
            )
            operations.keep_reading(import_id=import_id, read=found, watch=report)
        except progress.Stopped:
            operations.cancel_stopped(import_id=import_id, at=timezone.now())
        except Unreadable as refusal:
            operations.reject(import_id=import_id, sentence=refusal.sentence, code=refusal.code)


@task(name=operations.APPLY_TASK, queue="imports", retry=3)
def apply(import_id: int, confirmed_at: str = "") -> None:
    """Apply a confirmed import; on a domain error, return it to review with the reason."""
    spreadsheet_import = Import.objects.get(pk=import_id)
    at = datetime.datetime.fromisoformat(confirmed_at) if confirmed_at else timezone.now()
    by = User.objects.filter(pk=spreadsheet_import.applied_by_id).first() if spreadsheet_import.applied_by_id else None
    shares = progress.REMIT if spreadsheet_import.purpose == Purpose.REMIT else progress.APPLYING
    with garbage.put_off(), progress.reporting(import_id, shares) as report:
        try:
            operations.apply(import_id=import_id, by=by, at=at, watch=report)
        except progress.Stopped:
            operations.cancel_stopped(import_id=import_id, at=timezone.now())
        except Refused as refusal:
            operations.hand_back(import_id=import_id, sentence=refusal.sentence, code=refusal.code)


@task(name=operations.UNDO_TASK, queue="imports", retry=3)
def undo(import_id: int, asked_at: str, by_id: int | None = None) -> None:
    """Undo an applied import; if a member stops it, it stays applied."""
    by = User.objects.filter(pk=by_id).first() if by_id else None
    with progress.reporting(import_id, progress.UNDOING) as report, contextlib.suppress(progress.Stopped):
        operations.undo(import_id=import_id, by=by, at=datetime.datetime.fromisoformat(asked_at), watch=report)


@duty(every=datetime.timedelta(minutes=1))
def look_after_abandoned() -> int:
    """Recover imports whose job is gone; return how many."""
    return operations.look_after_abandoned(at=timezone.now())


@task(name=ANNOTATE_TASK, queue="imports")
def annotate(import_id: int) -> None:
    """Build the annotated workbook, or record that it failed."""
    spreadsheet_import = Import.objects.get(pk=import_id)
    try:
        made, digest = annotating.make_annotated(spreadsheet_import)
    except Exception:
        logger.exception("The annotated workbook could not be built.")
        annotating.annotation_failed(import_id=import_id)
        return
    annotating.keep_annotated(import_id=import_id, made=made, digest=digest, at=timezone.now())
