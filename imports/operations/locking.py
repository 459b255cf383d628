"""Lock an import and check its state; queue tasks of the import worker."""

from __future__ import annotations

from typing import Any

from django.db import connection

from imports.enums import ImportState
from imports.exceptions import UnknownImport, WrongMoment
from imports.models import Import
from jobs.tasks import defer

READ_TASK = "imports.read"
APPLY_TASK = "imports.apply"
UNDO_TASK = "imports.undo"
ANNOTATE_TASK = "imports.annotate"
#: States before an import is applied, rejected or cancelled.
OPEN = (ImportState.UPLOADED, ImportState.READ, ImportState.CHECKED, ImportState.APPLYING)


def locked(import_id: int, *states: ImportState) -> Import:
    """Lock an import in one of `states` and return it. Raises `UnknownImport`, `WrongImportState`."""
    spreadsheet_import = Import.objects.locked().filter(pk=import_id).first()
    if spreadsheet_import is None:
        raise UnknownImport("Ce tableau n'existe pas dans votre collectivité.")
    if spreadsheet_import.state not in states:
        state_label = ImportState(spreadsheet_import.state).label.lower()
        raise WrongMoment(
            f"Ce tableau est maintenant dans l'état « {state_label} » : cette action n'est plus possible."
        )
    return spreadsheet_import


def queue(task: str, spreadsheet_import: Import, **arguments: Any) -> None:
    """Queue a task on an import, to start when this transaction commits."""
    schema = connection.schema_name  # type: ignore[attr-defined]
    # One queue lock per import: its tasks never run concurrently.
    defer(
        task,
        schema=schema,
        lock=f"import:{schema}:{spreadsheet_import.pk}",
        import_id=spreadsheet_import.pk,
        **arguments,
    )
