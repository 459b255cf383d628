"""An import given up before anything was done, by a member or because its worker is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities import audit
from collectivities.models import AuditEntry
from imports import progress
from imports.enums import ImportState
from imports.models import Import, ImportProgress
from imports.operations.applying import hand_back
from imports.operations.locking import OPEN, locked
from imports.operations.reading import reject
from tenants.across import ask_all

if TYPE_CHECKING:
    import datetime

#: States in which a worker has work with the import.
BUSY = (ImportState.UPLOADED, ImportState.APPLYING)
STOP_ASKED = "import.stop_asked"

_ABANDONED = """
SELECT import.id, import.state
FROM {schema}.imports_import AS import
WHERE import.state IN ('uploaded', 'applying') AND NOT EXISTS (
    SELECT FROM public.procrastinate_jobs AS job
    WHERE job.status IN ('todo', 'doing')
      AND job.lock = 'import:' || btrim('{schema}', '"') || ':' || import.id
)
"""
_NOBODY_AT = """
SELECT progress.import_id
FROM {schema}.imports_importprogress AS progress
WHERE NOT EXISTS (
    SELECT FROM public.procrastinate_jobs AS job
    WHERE job.status IN ('todo', 'doing')
      AND job.lock = 'import:' || btrim('{schema}', '"') || ':' || progress.import_id
) AND progress.started_at < %s
"""


@transaction.atomic
def cancel(*, import_id: int, by: User | None, at: datetime.datetime) -> Import:
    """Give an import up, at any moment before its application commits. Cancelling twice is the same as once.

    A worker that is at the import at this moment holds it: it is asked to stop, does so between two of its stages, and
    the import returned is still in its hands. Nobody waits for it.
    """
    table = Import.objects.filter(pk=import_id).first()
    if table is not None and table.state == ImportState.CANCELLED:
        return table
    busy = table is not None and table.state in BUSY and not _is_free(import_id)
    if table is not None and busy and progress.ask_to_stop(import_id):
        _record(STOP_ASKED, table, "arrêt demandé", by=by, at=at)
        return table
    table = locked(import_id, *OPEN, ImportState.CANCELLED)
    if table.state == ImportState.CANCELLED:
        return table
    _give_up(table, by=by, at=at)
    # A worker that is reading the file looks here now and then.
    progress.ask_to_stop(import_id)
    return table


@transaction.atomic
def cancel_stopped(*, import_id: int, at: datetime.datetime) -> Import:
    """Cancel an import whose reading or application a member stopped: in the name of who asked for it."""
    table = Import.objects.locked().get(pk=import_id)
    if table.state in BUSY:
        asked = AuditEntry.objects.filter(action=STOP_ASKED, object_type="import", object_id=import_id).order_by("-pk")
        _give_up(table, by=User.objects.filter(pk__in=asked.values("actor_id")[:1]).first(), at=at)
    return table


def look_after_abandoned(*, at: datetime.datetime) -> int:
    """Give back the imports, in every collectivity, that no job will ever go on with; return how many.

    A job that failed for good, or was deleted, leaves an import « en cours » for ever: an application is handed back
    to its members, with nothing done; a file is refused. The reason says that it is ours.
    """
    found = [(row.collectivity, *row.values) for row in ask_all(_ABANDONED)]
    for collectivity, import_id, state in found:
        with tenant_context(collectivity):
            if state == ImportState.APPLYING:
                hand_back(
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
    for row in ask_all(_NOBODY_AT, [at - progress.FORGOTTEN_AFTER]):
        with tenant_context(row.collectivity):
            ImportProgress.objects.filter(pk=row.values[0]).delete()
    return len(found)


def _is_free(import_id: int) -> bool:
    """Lock the import if nobody holds it; return whether that was so."""
    return bool(Import.objects.filter(pk=import_id).select_for_update(no_key=True, skip_locked=True))


def _give_up(table: Import, *, by: User | None, at: datetime.datetime) -> None:
    table.state, table.confirmed_digest, table.applied_by_id = ImportState.CANCELLED, "", None
    table.save(update_fields=["state", "confirmed_digest", "applied_by_id"])
    _record("import.cancelled", table, "annulé, rien n'en a été appliqué", by=by, at=at)


def _record(action: str, table: Import, what: str, *, by: User | None, at: datetime.datetime) -> None:
    audit.record(
        action=action,
        by=by,
        at=at,
        summary=f"Tableau « {table.filename} » : {what}.",
        object_type="import",
        object_id=table.pk,
    )
