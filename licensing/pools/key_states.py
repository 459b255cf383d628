"""What became of an office's keys, copied beside its allocations: redeemed, and how many of their seats are used.

The public schema has the truth, which pages of 60,000 allocations would read whole at each visit
(docs/decisions/0198). Copied is what it says at that moment, whatever happened: the order of copies is of no matter,
and one too many changes nothing. Whatever redeems a key or moves its seats queues `pools.note_key_event` or
`pools.copy_key_states`; what an office does itself is copied in its transaction.
"""

from collections.abc import Collection
from itertools import batched

from django.db import transaction

from core.connections import connection
from licensing.entitlements.office_keys import KEY_STATES
from licensing.pools.models import Allocation

#: Allocations that are locked at once where all are copied.
_BATCH = 1_000
_COPY_SQL = f"""
WITH {KEY_STATES.cte}
UPDATE pools_allocation AS allocation
SET redeemed_at = state.redeemed_at, held = state.held, free = state.free, unused = state.unused
FROM state
WHERE allocation.id = ANY(%(allocations)s) AND allocation.key_id = state.key_id
    AND (allocation.redeemed_at, allocation.held, allocation.free, allocation.unused)
        IS DISTINCT FROM (state.redeemed_at, state.held, state.free, state.unused)
"""  # noqa: S608 - constants of these modules, and parameters


@transaction.atomic(savepoint=False)
def copy_key_states(allocation_ids: Collection[int]) -> int:
    """Copy what became of the keys of these allocations; return how many it changed. Three statements.

    Locks them first: what is read then is no older than what another copied.
    """
    found = Allocation.objects.locked().filter(pk__in_array=allocation_ids).values_list("pk", "key_id")
    keys = dict(found)
    if not keys:
        return 0
    states = KEY_STATES.read({"keys": list(keys.values())})
    with connection.cursor() as cursor:
        cursor.execute(_COPY_SQL, {**states, "allocations": list(keys)})
        return int(cursor.rowcount)


def copy_all_key_states() -> int:
    """Copy what became of all keys of the current office, in batches; return how many allocations were not so."""
    allocation_ids = list(Allocation.objects.order_by("pk").values_list("pk", flat=True))
    return sum(copy_key_states(batch) for batch in batched(allocation_ids, _BATCH, strict=False))
