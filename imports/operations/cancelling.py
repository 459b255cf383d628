"""An import given up before anything was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from collectivities import audit
from imports.enums import ImportState
from imports.models import Import
from imports.operations.locking import OPEN, locked

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


@transaction.atomic
def cancel(*, import_id: int, by: User | None, at: datetime.datetime) -> Import:
    """Give an import up, at any moment before its application commits. Cancelling twice is the same as once."""
    table = Import.objects.locked().filter(pk=import_id).first()
    if table is not None and table.state == ImportState.CANCELLED:
        return table
    table = locked(import_id, *OPEN)
    table.state, table.confirmed_digest, table.applied_by_id = ImportState.CANCELLED, "", None
    table.save(update_fields=["state", "confirmed_digest", "applied_by_id"])
    audit.record(
        action="import.cancelled",
        by=by,
        at=at,
        summary=f"Tableau « {table.filename} » annulé : rien n'en a été attribué.",
        object_type="import",
        object_id=table.pk,
    )
    return table
