"""Lock an import and check its state; queue tasks of the import worker."""

from __future__ import annotations

from typing import Any

from core.tenant_connection import connection
from imports.enums import ImportState
from imports.exceptions import UnknownImport, WrongImportState
from imports.models import SpreadsheetImport
from jobs.tasks import defer

READ_TASK = "imports.read"
APPLY_TASK = "imports.apply"
UNDO_TASK = "imports.undo"
ANNOTATE_TASK = "imports.annotate"
#: States before an import is applied, rejected or cancelled.
OPEN_STATES = (ImportState.UPLOADED, ImportState.READ, ImportState.CHECKED, ImportState.APPLYING)


def lock_import(import_id: int, *states: ImportState) -> SpreadsheetImport:
    """Lock an import in one of `states` and return it. Raises `UnknownImport`, `WrongImportState`."""
    spreadsheet_import = SpreadsheetImport.objects.locked().filter(pk=import_id).first()
    if spreadsheet_import is None:
        raise UnknownImport("Ce tableau n'existe pas dans votre collectivité.")
    if spreadsheet_import.state not in states:
        state_label = ImportState(spreadsheet_import.state).label.lower()
        raise WrongImportState(
            f"Ce tableau est maintenant dans l'état « {state_label} » : cette action n'est plus possible."
        )
    return spreadsheet_import


def queue_task(task: str, spreadsheet_import: SpreadsheetImport, **arguments: Any) -> None:
    """Queue a task on an import, to start when this transaction commits."""
    schema = connection.schema_name
    # One queue lock per import: its tasks never run concurrently.
    defer(
        task,
        schema=schema,
        lock=f"import:{schema}:{spreadsheet_import.pk}",
        import_id=spreadsheet_import.pk,
        **arguments,
    )
