"""The rows of a gift: keys and allocations, new or grown, by a handful of statements whatever their number.

`allocating` has locked and checked before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from licensing.pools import checks
from licensing.pools.models import TOPIC, Allocation
from licensing.pools.operations.watching import Stage
from licensing.subscriptions.growing import grow_many
from licensing.subscriptions.minting import mint
from licensing.subscriptions.models import ActivationKey
from mailing import operations as mailing
from web import arrays
from web.numbering import next_numbers

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from licensing.pools.models import Pool
    from licensing.pools.operations.watching import Watch


class Demand(NamedTuple):
    """What one school is to receive. With `total`, `units` is what it must have in the end, not what is added."""

    uai: str
    units: int
    recipient: str
    total: bool = False


class Target(NamedTuple):
    """A school that is given to, as the directory has it."""

    uai: str
    name: str
    mailbox: str
    state: str


class Held(NamedTuple):
    """What a school has from the pool already."""

    allocation_id: int
    key_id: int
    units: int


class Step(NamedTuple):
    """One school's demand, as it will be carried out: so many units more, on what it holds or on a new allocation."""

    demand: Demand
    school: Target
    added: int
    held: Held | None

    @property
    def exposes(self) -> bool:
        """Whether somebody besides the school's official mailbox will know the key."""
        return not checks.is_official(self.demand.recipient, self.school.mailbox)


def create(
    pool: Pool, steps: Sequence[Step], *, by: User | None, at: datetime.datetime, import_id: int | None, watch: Watch
) -> dict[str, int]:
    """Mint a key for each school that has none and store its allocation; return the allocations' numbers by UAI."""
    if not steps:
        return {}
    watch(Stage.KEYS, 0, len(steps))
    key_ids = mint(
        source=pool.source,
        prefix=pool.source.collectivity.key_prefix if pool.source.collectivity else "",
        demands=[(step.demand.uai, step.added, step.exposes) for step in steps],
        at=at,
    )
    watch(Stage.ALLOCATIONS, 0, len(steps))
    table = connection.ops.quote_name(Allocation._meta.db_table)  # noqa: SLF001 - Django's documented way to the name
    columns = "id, pool_id, school_id, key_id, units, recipient, created_at, created_by_id, import_id"
    pool_id, by_id = pool.pk, by.pk if by else None
    numbers = next_numbers(table, len(steps))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)") as copy,
    ):
        copy.set_types(["int8", "int8", "varchar", "int8", "int4", "varchar", "timestamptz", "int8", "int8"])
        for number, key_id, (demand, _, added, _) in zip(numbers, key_ids, steps, strict=True):
            copy.write_row((number, pool_id, demand.uai, key_id, added, demand.recipient, at, by_id, import_id))
    return {step.demand.uai: number for number, step in zip(numbers, steps, strict=True)}


def grow(steps: Sequence[Step], *, at: datetime.datetime) -> None:
    """Add a second volume to what the schools have: the allocation, its key, and the seats of a redeemed one."""
    growing = [(step.held, step) for step in steps if step.held is not None]
    if not growing:
        return
    table = connection.ops.quote_name(Allocation._meta.db_table)  # noqa: SLF001 - Django's documented way to the name
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS allocation SET units = allocation.units + grown.units, recipient = grown.recipient"  # noqa: S608
            " FROM unnest(%s::bigint[], %s::int[], %s::text[]) AS grown (id, units, recipient)"
            " WHERE allocation.id = grown.id",
            [
                [held.allocation_id for held, _ in growing],
                [step.added for _, step in growing],
                [step.demand.recipient for _, step in growing],
            ],
        )
    grow_many({held.key_id: step.added for held, step in growing})
    exposed = arrays.number_in("pk", (held.key_id for held, step in growing if step.exposes))
    ActivationKey.objects.filter(exposed, exposed_at=None).update(exposed_at=at)
    # One e-mail says the whole: what was still waiting about these keys does not leave.
    mailing.cancel(TOPIC, [held.allocation_id for held, _ in growing], at)
