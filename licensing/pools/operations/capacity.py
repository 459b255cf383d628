"""Licences of a pool that are taken back with a part of its price."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import F

from accounts.models import User
from collectivities import audit_log
from core import formatting
from licensing.entitlements.exceptions import LicencesInUse
from licensing.pools.models import Allocation, Pool
from schools.wording import format_school_name

#: How many schools a refusal names.
_NAMED_SCHOOLS = 3


@transaction.atomic
def take_back_capacity(*, entitlement_id: int, units: int, by: User, at: datetime.datetime) -> None:
    """Take licences back from a pool, in the schema of its collectivity.

    Only what no school has is taken. Raises `LicencesInUse`.
    """
    pool = Pool.objects.locked().get(entitlement=entitlement_id)
    if units > pool.free:
        raise LicencesInUse(
            f"{formatting.pluralize(pool.allocated, 'licence est déjà attribuée', 'licences sont déjà attribuées')} "
            f"({_describe_schools(pool)}) : {formatting.number(pool.free)} au plus peuvent être reprises. Les clés "
            "qui ne sont pas activées peuvent d'abord être reprises aux établissements."
        )
    # F() and not -=: were the lock ever forgotten, the database's own CHECK would still refuse.
    Pool.objects.filter(pk=pool.pk).update(capacity=F("capacity") - units)
    audit_log.record(
        action="pools.taken_back",
        by=by,
        at=at,
        object_type="pool",
        object_id=pool.pk,
        summary=f"Lot « {pool.name} » : {formatting.pluralize(units, 'licence reprise', 'licences reprises')} par un "
        f"avoir ; il en compte {formatting.number(pool.capacity - units)}.",
    )


def _describe_schools(pool: Pool) -> str:
    """Return the schools that have the most licences of the pool, and how many others have some."""
    active = Allocation.objects.active().filter(pool=pool)
    largest = active.select_related("school").order_by("-units", "school")[:_NAMED_SCHOOLS]
    schools = [
        f"{format_school_name(one.school.name)}, {one.school.commune} : {formatting.number(one.units)}"
        for one in largest
    ]
    others = active.count() - len(schools)
    if others > 0:
        schools.append(formatting.pluralize(others, "autre établissement", "autres établissements"))
    return " ; ".join(schools)
