"""Where the licences of each pool are, how far they have come, and which schools need help."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from core.calendar import date_in_paris, start_of_day
from core.connections import connection
from core.registry import Registry
from licensing.entitlements.models import Entitlement, EntitlementKind
from licensing.entitlements.office_keys import ENTITLEMENTS
from licensing.entitlements.queries import find_orders_under_review
from licensing.pools.filters import DORMANT_DAYS
from licensing.pools.models import ALLOCATION_TOPIC, MessageKind
from mailing.models import LOST, MessageState


class PoolNote(NamedTuple):
    """A sentence on a pool, and the page where more is said."""

    sentence: str
    label: str
    url: str


note_queries: Registry[Callable[[], Mapping[int, PoolNote]]] = Registry("query of notes on pools")


def list_notes() -> dict[int, list[PoolNote]]:
    """Return the notes of each pool of the current collectivity."""
    notes: dict[int, list[PoolNote]] = {}
    for describe in note_queries.values():
        for pool_id, note in describe().items():
            notes.setdefault(pool_id, []).append(note)
    return notes


class PoolPosition(NamedTuple):
    """Where the licences of a pool are: bought = free + issued + redeemed_free + held."""

    pool_id: int
    name: str
    bought: int
    free: int
    issued: int
    redeemed_free: int
    held: int
    opened_at: datetime.datetime
    #: Number of schools with licences, and of those that redeemed their key.
    schools: int
    redeemed_schools: int
    #: Unsaved, with the columns of `ENTITLEMENTS`.
    entitlement: Entitlement
    #: The signed purchase order was received, and is being checked.
    under_review: bool = False

    @property
    def is_balanced(self) -> bool:
        """Whether the parts sum to the licences bought."""
        return self.bought == self.free + self.issued + self.redeemed_free + self.held

    @property
    def last_day(self) -> datetime.date:
        return self.entitlement.last_day

    @property
    def order_number(self) -> int:
        return self.entitlement.number

    @property
    def is_purchase(self) -> bool:
        """Whether the collectivity ordered it, and has a page for the order; otherwise the operator granted it."""
        return self.entitlement.kind == EntitlementKind.PURCHASE


#: Fields of `PoolPosition` that its statement returns before the entitlement.
_COUNTS = PoolPosition._fields[: PoolPosition._fields.index("entitlement")]

#: One row per pool, with the columns of `PoolPosition` up to `redeemed_schools`, then those of `ENTITLEMENTS`, which it
#: reads.
_POSITIONS_SQL = """
SELECT
    pool.id,
    pool.name,
    pool.capacity,
    pool.capacity - pool.allocated,
    coalesce(counted.issued, 0)::bigint,
    coalesce(counted.redeemed_free, 0)::bigint,
    coalesce(counted.held, 0)::bigint,
    pool.opened_at,
    coalesce(counted.schools, 0),
    coalesce(counted.redeemed_schools, 0),
    entitlement.*
FROM pools_pool AS pool
JOIN entitlement ON entitlement.id = pool.entitlement_id
LEFT JOIN (
    SELECT
        pool_id,
        sum(units) FILTER (WHERE redeemed_at IS NULL) AS issued,
        sum(units - held) FILTER (WHERE redeemed_at IS NOT NULL) AS redeemed_free,
        sum(held) AS held,
        count(*) FILTER (WHERE units > 0) AS schools,
        count(redeemed_at) FILTER (WHERE units > 0) AS redeemed_schools
    FROM pools_allocation
    WHERE revoked_at IS NULL
    GROUP BY pool_id
) AS counted ON counted.pool_id = pool.id
ORDER BY pool.opened_at DESC, pool.id DESC
"""
_POSITIONS = f"WITH {ENTITLEMENTS.cte} {_POSITIONS_SQL}"


def list_pool_positions() -> list[PoolPosition]:
    """Return the position of every pool of the collectivity, the latest first.

    Two queries, three where one is unpaid.
    """
    with connection.cursor() as cursor:
        cursor.execute(_POSITIONS, ENTITLEMENTS.read())
        return _read_positions(cursor.fetchall())


def _read_positions(rows: Sequence[Sequence[Any]]) -> list[PoolPosition]:
    """Return the positions of rows of `_POSITIONS_SQL`. One query at most: none where all are paid for."""
    entitlements = [Entitlement(**dict(zip(ENTITLEMENTS.columns, row[len(_COUNTS) :], strict=False))) for row in rows]
    reviewed = find_orders_under_review(
        [each.number for each in entitlements if each.kind == EntitlementKind.PURCHASE and each.temporary_until]
    )
    return [
        PoolPosition._make((*row[: len(_COUNTS)], entitlement, entitlement.number in reviewed))
        for row, entitlement in zip(rows, entitlements, strict=True)
    ]


# How far the licences of each pool have come, and which schools need help: for the home page of an office.
#
# One statement says both, as it reads the letters of the unredeemed allocations once: of 20,000, 50 ms of the server.

_ARRIVED = [MessageState.SENT.value, MessageState.DELIVERED.value]

# Asked for each unredeemed allocation, by the index of messages. Joined and then grouped, the letters of 10,000
# allocations are compared row by row where the planner has no statistics yet, as after an import: that takes minutes.
_LETTERS = """LATERAL (
        SELECT
            max(letter.id) FILTER (WHERE letter.state != 'cancelled') AS last_id,
            max(letter.id) FILTER (WHERE letter.state = ANY(%(arrived)s)) AS arrived_id,
            max(letter.id) FILTER (
                WHERE letter.state = ANY(%(lost)s) OR letter.refusal = 'waiting'
            ) AS lost_id,
            max(letter.sent_at) FILTER (
                WHERE letter.kind = %(key)s AND letter.state = ANY(%(arrived)s)
            ) AS key_sent_at,
            max(letter.created_at) FILTER (
                WHERE letter.kind = %(reminder)s AND letter.state != ALL(%(unsent)s)
            ) AS reminded_at
        FROM mailing_message AS letter
        WHERE letter.topic = %(topic)s AND letter.topic_id = allocation.id
    ) AS letters"""

#: A row for each pool, and one for each of the first keys whose schools need help; the columns of the other are null.
_PROGRESS_SQL = f"""
WITH {ENTITLEMENTS.cte},
position ({", ".join((*_COUNTS, *ENTITLEMENTS.columns))}) AS ({_POSITIONS_SQL}),
unredeemed AS MATERIALIZED (
    SELECT allocation.id, allocation.pool_id, allocation.school_id, allocation.units, allocation.recipient, letters.*
    FROM pools_allocation AS allocation
    CROSS JOIN {_LETTERS}
    WHERE allocation.revoked_at IS NULL AND allocation.redeemed_at IS NULL
),
arrived AS (
    SELECT pool_id, sum(units) AS units FROM unredeemed WHERE arrived_id > coalesce(lost_id, 0) GROUP BY pool_id
),
held AS (
    SELECT allocation.pool_id, count(DISTINCT allocation.id) AS keys
    FROM mailing_message AS letter
    JOIN pools_allocation AS allocation ON allocation.id = letter.topic_id AND allocation.revoked_at IS NULL
    WHERE letter.topic = %(topic)s AND letter.state = 'held' AND letter.refusal != 'waiting'
    GROUP BY allocation.pool_id
),
judged AS (
    SELECT
        unredeemed.*,
        lost_id IS NOT DISTINCT FROM last_id AS lost,
        key_sent_at <= %(dormant_before)s AND entitlement.first_day <= %(dormant_day)s AS dormant,
        coalesce(reminded_at >= %(midnight)s, FALSE) AS reminded_today,
        greatest(key_sent_at, reminded_at) AS last_heard
    FROM unredeemed
    JOIN pools_pool AS pool ON pool.id = unredeemed.pool_id
    JOIN entitlement ON entitlement.id = pool.entitlement_id
    WHERE
        entitlement.last_day >= %(day)s
        AND entitlement.suspended_at IS NULL
        AND (entitlement.provisional_until IS NULL OR entitlement.provisional_until >= %(day)s)
),
stuck AS (
    SELECT
        *,
        count(*) FILTER (WHERE lost) OVER () AS lost_keys,
        count(*) FILTER (WHERE dormant) OVER () AS dormant_keys,
        count(*) FILTER (WHERE dormant AND NOT lost AND NOT reminded_today) OVER () AS remindable_keys
    FROM judged
    WHERE lost OR dormant
    ORDER BY lost DESC, last_heard, units DESC, id
    LIMIT %(limit)s
),
named AS (
    SELECT stuck.*, school.name, school.commune
    FROM stuck
    JOIN public.schools_school AS school ON school.uai = stuck.school_id
)
SELECT
    named.id, named.school_id, named.name, named.commune, named.units, named.recipient, named.lost, named.key_sent_at,
    named.reminded_at, named.reminded_today, named.lost_keys, named.dormant_keys, named.remindable_keys,
    (position.redeemed_free + position.held + coalesce(arrived.units, 0))::bigint,
    coalesce(held.keys, 0),
    position.*
FROM position
LEFT JOIN arrived ON arrived.pool_id = position.pool_id
LEFT JOIN held ON held.pool_id = position.pool_id
FULL JOIN named ON FALSE
ORDER BY position.opened_at DESC, position.pool_id DESC, named.lost DESC, named.last_heard, named.units DESC, named.id
"""  # noqa: S608 - constants of these modules, and parameters


class PoolProgress(NamedTuple):
    """A pool: its position, and what its letters have become."""

    position: PoolPosition
    #: Licences whose key was redeemed, or whose last letter with a known fate arrived.
    delivered: int
    #: Keys whose e-mail is held until the pool is restored.
    held_keys: int


class StuckKey(NamedTuple):
    """An unredeemed key whose school needs help: its last e-mail was lost, or long ago."""

    allocation_id: int
    uai: str
    school_name: str
    commune: str
    units: int
    recipient: str
    #: `Situation.UNDELIVERED`: the last e-mail was lost, or none is left. Its address is to be corrected.
    lost: bool
    #: When the key was last sent, and when its school was last reminded; None for never.
    sent_at: datetime.datetime | None
    reminded_at: datetime.datetime | None
    reminded_today: bool


class StuckKeys(NamedTuple):
    """The first keys whose schools need help, and how many there are in all."""

    first: Sequence[StuckKey]
    #: As many as the list of allocations finds with its filters `LOST` and `DORMANT`.
    lost: int = 0
    dormant: int = 0
    #: Of the dormant ones, those that a reminder would reach today.
    remindable: int = 0


class OfficeProgress(NamedTuple):
    """How far the licences of an office have come, and where its schools need help."""

    #: The latest first.
    pools: list[PoolProgress]
    stuck: StuckKeys


def read_progress(at: datetime.datetime, *, limit: int) -> OfficeProgress:
    """Return the progress of every pool, and the first `limit` keys whose schools need help.

    Lost e-mails come first, then those longest without one. Two queries, three where an order is unpaid.

    Dormant is what `filter_not_redeemed_since` finds after `DORMANT_DAYS`, lost what `filter_situation` finds for
    `Situation.UNDELIVERED`.
    """
    day, dormant_before = date_in_paris(at), at - datetime.timedelta(days=DORMANT_DAYS)
    parameters = {
        **ENTITLEMENTS.read(),
        "topic": ALLOCATION_TOPIC,
        "key": MessageKind.KEY.value,
        "reminder": MessageKind.REMINDER.value,
        "arrived": _ARRIVED,
        "lost": [state.value for state in LOST],
        "unsent": [*(state.value for state in LOST), MessageState.CANCELLED.value],
        "day": day,
        "midnight": start_of_day(day),
        "dormant_before": dormant_before,
        "dormant_day": date_in_paris(dormant_before),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS_SQL, parameters)
        rows = cursor.fetchall()
    fields, counts = len(StuckKey._fields), len(StuckKeys._fields) - 1
    helped = [row[: fields + counts] for row in rows if row[0] is not None]
    progress = [row[fields + counts :] for row in rows if row[0] is None]
    positions = _read_positions([row[2:] for row in progress])
    return OfficeProgress(
        [PoolProgress(position, *row[:2]) for position, row in zip(positions, progress, strict=True)],
        StuckKeys(tuple(StuckKey(*row[:fields]) for row in helped), *(helped[0][fields:] if helped else ())),
    )
