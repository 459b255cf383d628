"""What the worker does with spreadsheets. Each task may run twice: the second time finds its work done."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.utils import timezone

from accounts.models import User
from imports import operations
from imports.enums import ImportState
from imports.models import Import, ImportFile
from imports.readers.refusals import Unreadable
from imports.table import read_table
from jobs.tasks import task
from licensing.exceptions import Refused

if TYPE_CHECKING:
    from imports.table import Table


@task(name=operations.READ_TASK, queue="imports", retry=3)
def read(import_id: int) -> None:
    """Read an uploaded file and check its rows, or refuse it with the sentence that says why."""
    table = Import.objects.get(pk=import_id)
    if table.state != ImportState.UPLOADED:
        return
    content = bytes(ImportFile.objects.values_list("content", flat=True).get(pk=import_id))
    try:
        found: Table = read_table(content, operations.choices_of(table), known=operations.known(table))
    except Unreadable as refusal:
        operations.reject(import_id=import_id, sentence=refusal.sentence)
        return
    operations.keep_reading(import_id=import_id, read=found)


@task(name=operations.APPLY_TASK, queue="imports", retry=3)
def apply(import_id: int, confirmed_at: str = "") -> None:
    """Apply a confirmed import; where a rule refuses, give it back to its members with the reason."""
    table = Import.objects.get(pk=import_id)
    at = datetime.datetime.fromisoformat(confirmed_at) if confirmed_at else timezone.now()
    by = User.objects.filter(pk=table.applied_by_id).first() if table.applied_by_id else None
    try:
        operations.apply(import_id=import_id, by=by, at=at)
    except Refused as refusal:
        operations.hand_back(import_id=import_id, sentence=refusal.sentence)
