"""What every operation on imports begins with: the import's lock; and what some end with: a job for the worker."""

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
#: States in which a member still prepares the import.
OPEN = (ImportState.UPLOADED, ImportState.READ, ImportState.CHECKED, ImportState.APPLYING)


def locked(import_id: int, *states: ImportState) -> Import:
    """Lock an import and return it. Raises `UnknownImport`, or `WrongMoment` where it is in none of `states`."""
    table = Import.objects.locked().filter(pk=import_id).first()
    if table is None:
        raise UnknownImport("Ce tableau n'existe pas dans votre collectivité.")
    if table.state not in states:
        now = ImportState(table.state).label.lower()
        raise WrongMoment(f"Ce tableau est maintenant dans l'état « {now} » : cette action n'est plus possible.")
    return table


def queue(task: str, table: Import, **arguments: Any) -> None:
    """Queue work on an import, to begin when this transaction commits."""
    schema = connection.schema_name  # type: ignore[attr-defined]
    # One lock an import: its reading and its application never run beside each other.
    defer(task, schema=schema, lock=f"import:{schema}:{table.pk}", import_id=table.pk, **arguments)
