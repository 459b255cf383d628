"""What imports allocated to a school, for its page and the journal. Read-only."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet

from collectivities.models import AuditEntry
from imports.enums import APPLIED_ACTION, Purpose, RowEffect
from imports.models import ImportRow, SpreadsheetImport
from licensing.pools.wording import describe_allocation, describe_growth

# Reductions, revocations and portfolio changes have their own audit entries.
_REPORTED_EFFECTS = (RowEffect.CREATED, RowEffect.GROWN)


class ImportGrant(NamedTuple):
    """Licences that one import allocated to a school."""

    at: datetime.datetime
    who: str
    words: str


def list_grants(uai: str, name: str) -> list[ImportGrant]:
    """Return what imports allocated to this school, by a constant number of queries."""
    imports = _list_pool_names()
    if not imports:
        return []
    rows = _list_grant_rows(uai, list(imports)).values_list("import_id", "done", "units", "units_before", "recipient")
    rows_by_import = {row[0]: row for row in rows}
    gifts = []
    for entry in AuditEntry.objects.filter(action=APPLIED_ACTION, object_type="import", object_id__in=rows_by_import):
        number, done, units, before, recipient = rows_by_import[entry.object_id or 0]
        lot, units = imports[number], units or 0
        words = (
            describe_allocation(units, name, lot, recipient)
            if done == RowEffect.CREATED
            else describe_growth(units - before, units, name, lot, recipient)
        )
        gifts.append(ImportGrant(entry.at, entry.actor, words))
    return gifts


def filter_entries_by_school(uai: str) -> Q:
    """Return the condition on audit entries of imports that allocated licences to this school."""
    found = _list_grant_rows(uai, list(_list_pool_names())).values_list("import_id", flat=True)
    return Q(action=APPLIED_ACTION, object_type="import", object_id__in=list(found))


def _list_pool_names() -> dict[int, str]:
    """Return the pool name of each applied allocation import, by import id."""
    applied = SpreadsheetImport.objects.filter(purpose=Purpose.ALLOCATION, applied_at__isnull=False)
    return dict(applied.values_list("pk", "pool__name"))


def _list_grant_rows(uai: str, imports: list[int]) -> QuerySet[ImportRow]:
    # By ids and not by a subquery: the index of ticked rows begins with the import.
    return ImportRow.objects.filter(import_id__in=imports, uai=uai, ticked=True, done__in=_REPORTED_EFFECTS)
