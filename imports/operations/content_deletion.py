"""Delete the file and the rows of imports that ended long ago; what was done of them, in figures, stays."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest

from imports.enums import ImportState
from imports.layout import Layout
from imports.models import AnnotatedFile, ImportFile, ImportProgress, ImportRow, SpreadsheetImport
from imports.operations.cancellation import BUSY_STATES, cancel_locked
from imports.operations.import_lock import OPEN_STATES

#: When the last thing happened to an import: PostgreSQL leaves out what is null.
LAST_EVENT = Greatest("created_at", "requested_at", "applied_at", "undone_at")
#: Imports whose contents may be deleted once they are old: none on which a worker works, or is about to.
AT_REST = (
    Q(contents_deleted_at=None)
    & ~Q(state__in=BUSY_STATES)
    & ~Q(Exists(ImportProgress.objects.filter(import_id=OuterRef("pk"))))
)


def delete_contents(ids: Collection[int], at: datetime.datetime) -> None:
    """Delete the files of imports that the caller has locked, and what the layout says of their cells.

    One that nobody has applied in all that time is cancelled. The rows are deleted once this is committed, in batches
    of their own: whoever undoes an import, or applies it, holds its lock, and looks whether it has its contents.
    """
    AnnotatedFile.objects.filter(pk__in=ids).delete()
    ImportFile.objects.filter(pk__in=ids).delete()
    for one in SpreadsheetImport.objects.filter(pk__in=ids):
        if ImportState(one.state) in OPEN_STATES:
            cancel_locked(one, by=None, at=at, reason="Personne ne l'a appliqué en dix-huit mois.")
        one.contents_deleted_at = at
        one.layout = Layout(kind=one.layout.kind, rows=one.layout.rows, error_code=one.layout.error_code)
        one.save(update_fields=["contents_deleted_at", "layout"])


def list_rows_left(before: datetime.datetime) -> QuerySet[ImportRow]:
    """Return the rows of the imports whose contents were deleted by a moment."""
    emptied = SpreadsheetImport.objects.filter(contents_deleted_at__lte=before)
    return ImportRow.objects.filter(import_id__in=emptied.values("pk"))


def find_oldest_left() -> datetime.datetime | None:
    """Return when the contents of the first import that has rows left were deleted."""
    rows = ImportRow.objects.filter(import_id=OuterRef("pk"))
    emptied = SpreadsheetImport.objects.filter(Exists(rows), contents_deleted_at__isnull=False)
    oldest: datetime.datetime | None = emptied.aggregate(oldest=Min("contents_deleted_at"))["oldest"]
    return oldest
