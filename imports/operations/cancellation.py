"""Cancel an import before it is applied; delete the contents of those that ended long ago."""

import datetime
from collections.abc import Collection

from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest

from accounts.models import User
from collectivities.models import AuditEntry
from core.connections import connection
from imports import progress
from imports.enums import ImportState, RequestAnswer
from imports.layout import Layout
from imports.models import AnnotatedFile, ImportFile, ImportProgress, ImportRow, SpreadsheetImport
from imports.operations.application_requests import answer_request
from imports.operations.apply_rows import return_to_review
from imports.operations.import_lock import OPEN_STATES, lock_import, record_in_journal
from imports.operations.intake import reject

#: States in which a job works on the import.
BUSY_STATES = (ImportState.UPLOADED, ImportState.APPLYING)
STOP_REQUESTED_ACTION = "import.cancellation_requested"

_WORKED_ON_SQL = """
SELECT (job.args->>'import_id')::bigint
FROM public.procrastinate_jobs AS job
WHERE job.status IN ('todo', 'doing') AND job.queue_name IN ('imports', 'imports_large') AND job.args->>'schema' = %s
"""
_DELETE_STALE_PROGRESS_SQL = """
DELETE FROM imports_importprogress AS progress
WHERE progress.import_id <> ALL(%s) AND progress.started_at < %s
"""


@transaction.atomic
def cancel(*, import_id: int, by: User | None, at: datetime.datetime, reason: str = "") -> SpreadsheetImport:
    """Cancel an import, at any moment before its application commits. Idempotent.

    If a worker holds the lock, it is asked to stop, which it does between two steps: the import is returned in its
    current state, without waiting. `reason`: for who asked for its application.
    """
    spreadsheet_import = SpreadsheetImport.objects.filter(pk=import_id).first()
    if spreadsheet_import is not None and spreadsheet_import.state == ImportState.CANCELLED:
        return spreadsheet_import
    busy = spreadsheet_import is not None and spreadsheet_import.state in BUSY_STATES and not _try_lock(import_id)
    if spreadsheet_import is not None and busy and progress.request_stop(import_id):
        record_in_journal(STOP_REQUESTED_ACTION, spreadsheet_import, ": arrêt demandé", by=by, at=at)
        return spreadsheet_import
    spreadsheet_import = lock_import(import_id, *OPEN_STATES, ImportState.CANCELLED)
    if spreadsheet_import.state == ImportState.CANCELLED:
        return spreadsheet_import
    cancel_locked(spreadsheet_import, by=by, at=at, reason=reason)
    # A worker that is parsing the file holds no lock, but polls this.
    progress.request_stop(import_id)
    return spreadsheet_import


@transaction.atomic
def cancel_stopped(*, import_id: int, at: datetime.datetime) -> SpreadsheetImport:
    """Cancel an import that its worker stopped on request, on behalf of the requesting member."""
    spreadsheet_import = SpreadsheetImport.objects.locked().get(pk=import_id)
    if spreadsheet_import.state in BUSY_STATES:
        stop_requests = AuditEntry.objects.filter(
            action=STOP_REQUESTED_ACTION, object_type="import", object_id=import_id
        ).order_by("-pk")
        asked_by = stop_requests.values_list("actor_id", flat=True).first()
        cancel_locked(spreadsheet_import, by=User.objects.filter(pk=asked_by or 0).first(), at=at)
    return spreadsheet_import


def report_reading_given_up(*, import_id: int) -> None:
    """Reject a file whose reading killed its worker each time."""
    reject(
        import_id=import_id,
        sentence="Ce fichier n'a pas pu être lu : sa lecture a deux fois arrêté le programme qui s'en chargeait, sans "
        "doute faute de mémoire. Copiez le tableau seul, sans mise en forme ni image, dans un nouveau classeur ou dans "
        "un fichier CSV, et déposez celui-ci ; si cela se répète, écrivez-nous.",
    )


def report_application_given_up(*, import_id: int, confirmed_at: str = "") -> None:  # noqa: ARG001 - the task's
    """Return to review an import whose application killed its worker each time."""
    return_to_review(
        import_id=import_id,
        sentence="L'application de ce tableau a deux fois arrêté le programme qui s'en chargeait, sans doute faute de "
        "mémoire. Rien n'a été appliqué : partagez le tableau en plusieurs fichiers, et écrivez-nous si cela "
        "se répète.",
    )


def recover_abandoned(*, at: datetime.datetime) -> int:
    """Recover the imports of the current collectivity whose job failed for good or was deleted; return how many.

    An application is returned to review, a file is rejected, in both cases with a technical reason. Also deletes stale
    progress.
    """
    # The imports first: one that is uploaded meanwhile is not among them, and the job of the others is.
    waiting = SpreadsheetImport.objects.filter(state__in=BUSY_STATES).order_by("pk").values_list("pk", "state")
    busy = list(waiting)
    worked_on = _list_worked_on()
    found = [(import_id, state) for import_id, state in busy if import_id not in worked_on]
    for import_id, state in found:
        if state == ImportState.APPLYING:
            return_to_review(
                import_id=import_id,
                sentence="L'application s'est interrompue pour une raison technique, plusieurs fois de suite. Rien "
                "n'a été appliqué : confirmez de nouveau, et prévenez l'assistance si cela se répète.",
            )
        else:
            reject(
                import_id=import_id,
                sentence="La lecture de ce fichier s'est interrompue pour une raison technique, plusieurs fois de "
                "suite : déposez-le de nouveau, et prévenez l'assistance si cela se répète.",
            )
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_STALE_PROGRESS_SQL, [sorted(worked_on), at - progress.STALE_AFTER])
    return len(found)


def _list_worked_on() -> set[int]:
    """Return the imports of the current collectivity for which a job waits or runs."""
    with connection.cursor() as cursor:
        cursor.execute(_WORKED_ON_SQL, [connection.schema_name])
        return {import_id for (import_id,) in cursor.fetchall()}


def _try_lock(import_id: int) -> bool:
    """Lock the import without waiting; return whether that succeeded."""
    return bool(SpreadsheetImport.objects.filter(pk=import_id).select_for_update(no_key=True, skip_locked=True))


def cancel_locked(
    spreadsheet_import: SpreadsheetImport, *, by: User | None, at: datetime.datetime, reason: str = ""
) -> None:
    """Cancel an import that the caller has locked and found open. `reason`: for who asked for its application."""
    spreadsheet_import.state = ImportState.CANCELLED
    spreadsheet_import.confirmed_digest, spreadsheet_import.applied_by_id = "", None
    spreadsheet_import.save(update_fields=["state", "confirmed_digest", "applied_by_id"])
    answer_request(spreadsheet_import, RequestAnswer.CANCELLED, by=by, at=at, reason=reason)
    record_in_journal("import.cancelled", spreadsheet_import, ": annulé, rien n'en a été appliqué", by=by, at=at)


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
