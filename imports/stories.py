"""What imports gave to one school: told from their rows, which the journal does not repeat."""

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

#: The journal's line of an applied import: who applied it, and when.
APPLIED = "import.applied"
# What is reduced, taken back or changed in the remit has lines of its own.
_TOLD_HERE = (Done.CREATED, Done.GROWN)


class Gift(NamedTuple):
    """What one import gave to a school."""

    at: datetime.datetime
    who: str
    words: str


def gifts_to(uai: str, name: str) -> list[Gift]:
    """Return what imports gave to the school of this UAI and name, by a constant number of queries."""
    imports = _applied()
    if not imports:
        return []
    rows = _rows(uai, list(imports)).values_list("import_id", "done", "units", "units_before", "recipient")
    told = {row[0]: row for row in rows}
    gifts = []
    for entry in AuditEntry.objects.filter(action=APPLIED, object_type="import", object_id__in=told):
        number, done, units, before, recipient = told[entry.object_id or 0]
        lot, units = imports[number], units or 0
        words = (
            given_in_words(units, name, lot, recipient)
            if done == Done.CREATED
            else grown_in_words(units - before, units, name, lot, recipient)
        )
        gifts.append(Gift(entry.at, entry.actor_name, words))
    return gifts


def speaking_of(uai: str) -> Q:
    """Return the condition on entries of the journal that are about imports which gave to the school of this UAI."""
    found = _rows(uai, list(_applied())).values_list("import_id", flat=True)
    return Q(action=APPLIED, object_type="import", object_id__in=list(found))


def _applied() -> dict[int, str]:
    """Return the name of the lot of each applied import that drew from one."""
    applied = Import.objects.filter(purpose=Purpose.ATTRIBUTION, applied_at__isnull=False)
    return dict(applied.values_list("pk", "pool__name"))


def _rows(uai: str, imports: list[int]) -> QuerySet[ImportRow]:
    # By the imports' numbers and not by a query of them: the index of ticked rows begins with the import.
    return ImportRow.objects.filter(import_id__in=imports, uai=uai, ticked=True, done__in=_TOLD_HERE)
