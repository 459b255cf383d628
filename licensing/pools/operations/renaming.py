"""The name of a pool, which its collectivity may change."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from licensing.pools import checks
from licensing.pools.exceptions import BadPoolName
from licensing.pools.models import Pool

MAX_NAME_LENGTH = 120


@transaction.atomic
def rename_pool(*, pool_id: int, name: str, by: User | None, at: datetime.datetime) -> Pool:
    """Rename a pool and return it. Idempotent.

    Raises `UnknownPool`, and `BadPoolName` for a name that is empty, too long, or that of another pool.
    """
    pool = checks.lock_pool(pool_id)
    cleaned = " ".join("".join(character if character.isprintable() else " " for character in name).split())
    if not cleaned:
        raise BadPoolName("Donnez un nom au lot : celui qu'il a ne change pas.")
    if len(cleaned) > MAX_NAME_LENGTH:
        raise BadPoolName(f"Le nom d'un lot compte {MAX_NAME_LENGTH} caractères au plus ; celui-ci, {len(cleaned)}.")
    if cleaned == pool.name:
        return pool
    if Pool.objects.exclude(pk=pool.pk).filter(name__iexact=cleaned).exists():
        raise BadPoolName(f"Un autre lot s'appelle « {cleaned} » : choisissez un nom qui les distingue.")
    before, pool.name = pool.name, cleaned
    pool.save(update_fields=["name"])
    audit_log.record(
        action="pools.renamed",
        by=by,
        at=at,
        object_type="pool",
        object_id=pool.pk,
        summary=f"Lot « {before} » renommé « {cleaned} ».",
    )
    return pool
