"""Key rotation: reseal every code under the current sealing key.

Look-ups use every configured key, so the site keeps serving meanwhile. Each batch is one transaction; an interrupted
run resumes where it stopped.
"""

from __future__ import annotations

from typing import Protocol

from django.db import connection, transaction

from core.registry import Registry
from licensing.entitlements import code_sealing
from licensing.entitlements.models import ActivationKey


class ResealBatch(Protocol):
    """Reseal up to `size` rows under the current sealing key and return how many; 0 when none is left."""

    def __call__(self, *, size: int) -> int:
        """Raise `code_sealing.UnsealableCode`, having changed nothing, where the settings lack a sealing key."""


#: What other apps store under the same sealing keys; run before an older key is removed.
reseal_batches: Registry[ResealBatch] = Registry("resealing")

_TABLE = "public.entitlements_activationkey"


@transaction.atomic
def reseal_batch(*, size: int = 1000) -> int:
    """Reseal up to `size` codes under the current key and return how many; 0 when none is left.

    Raises `code_sealing.UnsealableCode`, having changed nothing, where a sealing key is missing from the settings.
    """
    rows = list(
        ActivationKey.objects.exclude(sealed_under=code_sealing.current_key_number())
        .locked()
        .values_list("pk", "sealed_code", "sealed_under")[:size]
    )
    if not rows:
        return 0
    sealed = [(pk, *code_sealing.seal(code_sealing.unseal(code, under))) for pk, code, under in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_TABLE} AS key SET sealed_code = new.code, sealed_under = new.under "  # noqa: S608 - the table's name
            "FROM unnest(%s::bigint[], %s::bytea[], %s::smallint[]) AS new (id, code, under) WHERE key.id = new.id",
            [list(column) for column in zip(*sealed, strict=True)],
        )
    return len(rows)
