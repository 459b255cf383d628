"""Timeline of allocations to a school by imports, whose audit log has one entry per import."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q

from collectivities.models import AuditEntry
from imports.enums import Done, Purpose
from imports.models import Import, ImportRow
from licensing.pools.wording import given_in_words, grown_in_words

if TYPE_CHECKING:
    import datetime

    from django.db.models import QuerySet

#: Action of the audit entry of an applied import.
APPLIED = "import.applied"
# Reductions, revocations and portfolio changes have their own audit entries.
_REPORTED_EFFECTS = (Done.CREATED, Done.GROWN)


class Gift(NamedTuple):
    """Licences that one import allocated to a school."""

    at: datetime.datetime
    who: str
    words: str


def gifts_to(uai: str, name: str) -> list[Gift]:
    """Return what imports allocated to this school, by a constant number of queries."""
    imports = _pool_names()
    if not imports:
        return []
    rows = _rows(uai, list(imports)).values_list("import_id", "done", "units", "units_before", "recipient")
    rows_by_import = {row[0]: row for row in rows}
    gifts = []
    for entry in AuditEntry.objects.filter(action=APPLIED, object_type="import", object_id__in=rows_by_import):
        number, done, units, before, recipient = rows_by_import[entry.object_id or 0]
        lot, units = imports[number], units or 0
        words = (
            given_in_words(units, name, lot, recipient)
            if done == Done.CREATED
            else grown_in_words(units - before, units, name, lot, recipient)
        )
        gifts.append(Gift(entry.at, entry.actor_name, words))
    return gifts


def speaking_of(uai: str) -> Q:
    """Return the condition on audit entries of imports that allocated licences to this school."""
    found = _rows(uai, list(_pool_names())).values_list("import_id", flat=True)
    return Q(action=APPLIED, object_type="import", object_id__in=list(found))


def _pool_names() -> dict[int, str]:
    """Return the pool name of each applied allocation import, by import id."""
    applied = Import.objects.filter(purpose=Purpose.ATTRIBUTION, applied_at__isnull=False)
    return dict(applied.values_list("pk", "pool__name"))


def _rows(uai: str, imports: list[int]) -> QuerySet[ImportRow]:
    # By ids and not by a subquery: the index of ticked rows begins with the import.
    return ImportRow.objects.filter(import_id__in=imports, uai=uai, ticked=True, done__in=_REPORTED_EFFECTS)
