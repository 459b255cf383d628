"""Read-only queries on pools and allocations, joined across schemas with their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, models
from django.db.models import Case, Count, Exists, Max, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement, Seat, available_on
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind, Pool
from mailing.models import LOST, Message, MessageState

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Mapping

    from django.db.models import QuerySet

    #: An `Allocation` with the annotations of `list_allocations`, which the stubs cannot express across functions.
    type AnnotatedAllocation = Any

#: States of a message that the recipient's server accepted.
_ARRIVED_STATES = (MessageState.SENT, MessageState.DELIVERED)
#: States of a message that the recipient's server accepted, or that is being sent.
_REACHED_STATES = (MessageState.SENDING, *_ARRIVED_STATES)


def has_given() -> Exists:
    """Return a condition that the office ever allocated a licence to a school, revoked or not."""
    return Exists(Allocation.objects.all())


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
    first_day: datetime.date
    last_day: datetime.date
    provisional_until: datetime.date | None
    unpaid_until: datetime.date | None
    suspended_at: datetime.datetime | None
    suspension_cause: str
    cancelled_at: datetime.datetime | None
    order_number: int
    #: Ordered by the collectivity, which has a page for the order; otherwise a grant of the operator.
    is_purchase: bool
    #: Number of schools with an allocation, and of those that redeemed its key.
    schools: int
    redeemed_schools: int

    @property
    def is_balanced(self) -> bool:
        """Whether the parts sum to the licences bought."""
        return self.bought == self.free + self.issued + self.redeemed_free + self.held

    @property
    def entitlement(self) -> Entitlement:
        """An unsaved entitlement with the columns read, for its status rules."""
        return Entitlement(
            first_day=self.first_day,
            last_day=self.last_day,
            provisional_until=self.provisional_until,
            unpaid_until=self.unpaid_until,
            suspended_at=self.suspended_at,
            suspension_cause=self.suspension_cause,
            cancelled_at=self.cancelled_at,
        )


_POSITIONS_SQL = """
WITH held AS (
    SELECT seat.subscription_id, count(*) AS seats
    FROM public.entitlements_seat AS seat
    JOIN public.entitlements_subscription AS subscription ON subscription.id = seat.subscription_id
    JOIN public.entitlements_activationkey AS key ON key.id = subscription.key_id
    WHERE seat.holder_id IS NOT NULL AND key.entitlement_id IN (SELECT entitlement_id FROM pools_pool)
    GROUP BY seat.subscription_id
)
SELECT
    pool.id,
    pool.name,
    pool.capacity,
    pool.capacity - pool.allocated,
    coalesce(sum(allocation.units) FILTER (WHERE key.redeemed_at IS NULL), 0)::bigint,
    coalesce(sum(subscription.size - coalesce(held.seats, 0)), 0)::bigint,
    coalesce(sum(held.seats), 0)::bigint,
    pool.opened_at,
    entitlement.first_day,
    entitlement.last_day,
    entitlement.provisional_until,
    entitlement.unpaid_until,
    entitlement.suspended_at,
    entitlement.suspension_cause,
    entitlement.cancelled_at,
    entitlement.number,
    entitlement.kind = 'purchase',
    count(allocation.id),
    count(key.redeemed_at)
FROM pools_pool AS pool
JOIN public.entitlements_entitlement AS entitlement ON entitlement.id = pool.entitlement_id
LEFT JOIN pools_allocation AS allocation ON allocation.pool_id = pool.id AND allocation.revoked_at IS NULL
LEFT JOIN public.entitlements_activationkey AS key ON key.id = allocation.key_id
LEFT JOIN public.entitlements_subscription AS subscription ON subscription.key_id = key.id
LEFT JOIN held ON held.subscription_id = subscription.id
GROUP BY pool.id, entitlement.id
ORDER BY pool.opened_at DESC, pool.id DESC
"""


def list_pool_positions() -> list[PoolPosition]:
    """Return the position of every pool of the collectivity, the latest first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_POSITIONS_SQL)
        return [PoolPosition(*row) for row in cursor.fetchall()]


class PoolHolding(NamedTuple):
    """Licences that a school holds from one pool."""

    pool: str
    units: int


def list_sibling_pools(pool: Pool) -> dict[int, str]:
    """Return by id the names of the other pools of the same product and school year, but cancelled ones."""
    entitlement = pool.entitlement
    found = Pool.objects.filter(
        entitlement__product_id=entitlement.product_id,
        entitlement__last_day=entitlement.last_day,
        entitlement__cancelled_at=None,
    )
    return dict(found.exclude(pk=pool.pk).order_by("opened_at", "pk").values_list("pk", "name"))


def list_holdings(pools: Mapping[int, str], uais: Collection[str]) -> dict[str, tuple[PoolHolding, ...]]:
    """Return by UAI what these schools hold from these pools, for those that hold any. One query at most."""
    if not pools:
        return {}
    held: dict[str, tuple[PoolHolding, ...]] = {}
    found = Allocation.objects.active().filter(pool_id__in=list(pools), school_id__in_array=list(uais))
    for uai, pool_id, units in found.order_by("pool_id").values_list("school_id", "pool_id", "units"):
        held[uai] = (*held.get(uai, ()), PoolHolding(pools[pool_id], units))
    return held


def list_holdings_beside(uai: str) -> dict[int, tuple[PoolHolding, ...]]:
    """Return by pool what a school holds from its sibling pools, where it would get a second key. Two queries."""
    pools = list(Pool.objects.select_related("entitlement").order_by("opened_at", "pk"))
    held = dict(Allocation.objects.active().filter(school_id=uai).values_list("pool_id", "units"))
    return {
        pool.pk: tuple(
            PoolHolding(sibling.name, held[sibling.pk])
            for sibling in pools
            if sibling.pk in held and sibling.entitlement.is_of_same_year(pool.entitlement)
        )
        for pool in pools
        if pool.pk not in held
    }


def find_emailed_ids(allocation_ids: Collection[int]) -> set[int]:
    """Return those of the allocations whose key was e-mailed: accepted, perhaps accepted, or being sent.

    Whoever changes what was sent calls `mailing.operations.hold_back` before, lest a worker claims a message meanwhile.
    """
    return _find_allocations_with_message(
        allocation_ids, kinds=(MessageKind.KEY, MessageKind.REMINDER, MessageKind.REDUCED), states=_REACHED_STATES
    )


def find_reminded_ids(moment: datetime.datetime, allocation_ids: Collection[int]) -> set[int]:
    """Return those of the allocations for which a reminder was queued since a moment."""
    states = [*_REACHED_STATES, MessageState.QUEUED, MessageState.HELD]
    return _find_allocations_with_message(allocation_ids, kinds=(MessageKind.REMINDER,), states=states, since=moment)


def _find_allocations_with_message(
    allocation_ids: Collection[int],
    *,
    kinds: Collection[str],
    states: Collection[str],
    since: datetime.datetime | None = None,
) -> set[int]:
    messages = Message.objects.filter(
        Q(state__in=states) | Q(unanswered__gt=0),
        topic_id__in_array=allocation_ids,
        topic=ALLOCATION_TOPIC,
        kind__in=kinds,
    )
    if since is not None:
        messages = messages.filter(created_at__gte=since)
    return {number for number in messages.values_list("topic_id", flat=True) if number is not None}


class AllocationState(models.TextChoices):
    """State of an allocation, as shown in the list and its filter."""

    ISSUED = "issued", "Envoyée, non activée"
    REDEEMED = "redeemed", "Activée"
    REVOKED = "revoked", "Reprise"
    SUSPENDED = "suspended", "Suspendue"
    EXPIRED = "expired", "Expirée"
    CANCELLED = "cancelled", "Commande annulée"


def list_allocations(day: datetime.date) -> QuerySet[AnnotatedAllocation]:
    """Return the allocations with pool, school and key, annotated with their state on `day`.

    Annotations: `state` (an `AllocationState`), `held` (seats held by teachers), `message_state` (of the last e-mail).
    """
    held = (
        Seat.objects.filter(subscription__key_id=OuterRef("key_id"), holder__isnull=False)
        .order_by()
        .values("subscription_id")
        .annotate(seats=Count("pk"))
        .values("seats")
    )
    last_message = (
        Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id=OuterRef("pk")).order_by("-pk").values("state")[:1]
    )
    return Allocation.objects.select_related("pool__entitlement", "school", "key").annotate(
        state=Case(
            When(revoked_at__isnull=False, then=Value(AllocationState.REVOKED.value)),
            # The precedence of `Entitlement.status_on`.
            When(pool__entitlement__last_day__lt=day, then=Value(AllocationState.EXPIRED.value)),
            When(pool__entitlement__cancelled_at__isnull=False, then=Value(AllocationState.CANCELLED.value)),
            When(~Q(available_on(day, "pool__entitlement")), then=Value(AllocationState.SUSPENDED.value)),
            When(key__redeemed_at__isnull=False, then=Value(AllocationState.REDEEMED.value)),
            default=Value(AllocationState.ISSUED.value),
        ),
        held=Coalesce(Subquery(held), 0),
        message_state=Subquery(last_message),
    )


def filter_not_redeemed_since(
    moment: datetime.datetime, among: QuerySet[AnnotatedAllocation]
) -> QuerySet[AnnotatedAllocation]:
    """Filter those usable and sent before a moment, for the last time but for reminders, and not redeemed."""
    # Grouped and not asked for each allocation: saves 2.4 s of 3.1 where 60,000 keys lie unused.
    last_sent = (
        Message.objects.filter(topic=ALLOCATION_TOPIC, kind=MessageKind.KEY, state__in=_ARRIVED_STATES)
        .order_by()
        .values("topic_id")
        .annotate(last=Max("sent_at"))
        .filter(last__lte=moment)
    )
    return among.filter(
        state=AllocationState.ISSUED,
        pk__in=last_sent.values("topic_id"),
        pool__entitlement__first_day__lte=date_in_paris(moment),
    )


def filter_lost_email(among: QuerySet[AnnotatedAllocation]) -> QuerySet[AnnotatedAllocation]:
    """Filter unredeemed ones whose last e-mail was lost and will not be retried."""
    return among.filter(state=AllocationState.ISSUED, message_state__in=LOST)


def filter_held_email(among: QuerySet[AnnotatedAllocation]) -> QuerySet[AnnotatedAllocation]:
    """Filter those not revoked with an e-mail that is held until the pool is restored."""
    held = Message.objects.held().filter(topic=ALLOCATION_TOPIC)
    return among.filter(pk__in=held.values("topic_id"), revoked_at__isnull=True)


class HeldKeys(NamedTuple):
    """A suspended pool, and how many of its keys have an e-mail that is held."""

    pool: Pool
    keys: int


def list_held_keys(day: datetime.date) -> list[HeldKeys]:
    """Return the held e-mails of each pool that is suspended on `day`, for those with any. Two queries at most."""
    counted = filter_held_email(Allocation.objects.all()).order_by().values_list("pool_id").annotate(Count("pk"))
    keys_of = dict(counted)
    pools = Pool.objects.select_related("entitlement").filter(pk__in=keys_of).order_by("opened_at", "pk")
    return [HeldKeys(pool, keys_of[pool.pk]) for pool in pools if pool.entitlement.suspended_on(day)]
