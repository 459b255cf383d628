"""Read-only queries on pools and allocations, and on their keys.

What depends on keys and entitlements is read of them first: no statement names a table of both schemas
(docs/decisions/0156).
"""

import datetime
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from django.db import models
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from core.calendar import date_in_paris
from core.registry import Registry
from licensing.entitlements.office_keys import find_entitlements, list_entitlements
from licensing.pools.models import ALLOCATION_TOPIC, RESTORABLE_FOR, Allocation, MessageKind, Pool
from mailing.models import LOST, Message, MessageState, RefusalHandling

stopped_queries: Registry[Callable[[Collection[int]], set[int]]] = Registry("query of stopped reminders")


def find_stopped(allocation_ids: Collection[int]) -> set[int]:
    """Return those of the allocations whose school stopped its automatic reminders."""
    return {number for find in stopped_queries.values() for number in find(allocation_ids)}


#: States of a message that the recipient's server accepted; and those, or that is being sent.
_ARRIVED_STATES = (MessageState.SENT, MessageState.DELIVERED)
_REACHED_STATES = (MessageState.SENDING, *_ARRIVED_STATES)


class KeyLetters(NamedTuple):
    """The e-mails of a school about its keys of a year that were not revoked."""

    #: When its key was last sent, and when it was last reminded; None for never.
    sent_at: datetime.datetime | None = None
    reminded_at: datetime.datetime | None = None
    #: The label of the state of its last e-mail.
    state: str = ""


def list_key_letters(last_day: datetime.date | None) -> dict[str, KeyLetters]:
    """Return by UAI the e-mails about keys of licences valid until `last_day`; none without such a day."""
    if last_day is None:
        return {}
    ending = find_entitlements(Q(last_day=last_day, cancelled_at=None))
    given = Allocation.objects.active().filter(pool__entitlement__in=ending)
    schools = dict(given.order_by().values_list("pk", "school_id"))
    found: dict[str, KeyLetters] = {}
    letters = Message.objects.filter(
        topic=ALLOCATION_TOPIC, topic_id__in=given.values("pk"), kind__in=(MessageKind.KEY, MessageKind.REMINDER)
    )
    for number, kind, state, sent_at in letters.order_by("pk").values_list("topic_id", "kind", "state", "sent_at"):
        uai = schools.get(number or 0)
        if uai is None or state == MessageState.CANCELLED:
            continue
        one = found.get(uai, KeyLetters())._replace(state=str(MessageState(state).label))
        if state in _ARRIVED_STATES:
            one = one._replace(sent_at=sent_at) if kind == MessageKind.KEY else one._replace(reminded_at=sent_at)
        found[uai] = one
    return found


# Where an allocation is on its way to the school: one annotation for the list, the pages, the export and the API.
#
# `AllocationState`, which the API keeps, says what a key is worth; `Situation` also says whether the school has it.


class Situation(models.TextChoices):
    """Situation of an allocation: of its key while nothing else is to be said of it."""

    SCHEDULED = "scheduled", "Programmée"
    SENT = "sent", "Envoyée"
    DELIVERED = "delivered", "Remise"
    UNDELIVERED = "undelivered", "Non remise"
    REDEEMED = "redeemed", "Activée"
    #: Redeemed, and the school gave all its licences back.
    RETURNED = "returned", "Rendue"
    REVOKED = "revoked", "Reprise"
    SUSPENDED = "suspended", "Suspendue"
    EXPIRED = "expired", "Expirée"
    CANCELLED = "cancelled", "Commande annulée"


#: Situations of a key that can be redeemed and was not.
NOT_REDEEMED = (Situation.SCHEDULED, Situation.SENT, Situation.DELIVERED, Situation.UNDELIVERED)


#: An e-mail that did not arrive, or waits for a hand as its address was refused.
_IS_LOST = Q(state__in=LOST) | Q(state=MessageState.HELD, refusal=RefusalHandling.WAITING)


def _list_messages() -> QuerySet[Any]:
    """Return the e-mails about keys, annotated with the situation of the key whose last one each is.

    Delivered is what a server accepted and nothing came back of, or was reported delivered. A reminder, or the letter
    about a smaller number, is written only to a school that has its key: while it waits, the key stays delivered. What
    waits for a hand, as its address was refused, is not.
    """
    situation = Case(
        When(_IS_LOST, then=Value(Situation.UNDELIVERED.value)),
        When(
            Q(state__in=_ARRIVED_STATES) | ~Q(kind=MessageKind.KEY),
            then=Value(Situation.DELIVERED.value),
        ),
        # On its way, or perhaps accepted: no server has said so.
        When(Q(state=MessageState.SENDING) | Q(unanswered__gt=0), then=Value(Situation.SENT.value)),
        default=Value(Situation.SCHEDULED.value),
        output_field=models.CharField(),
    )
    return _list_written().annotate(situation=situation)


def _list_written() -> QuerySet[Message]:
    # A cancelled one tells nothing of the key, the one before it does. The letter of an undone revocation is cancelled.
    written = Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id__isnull=False)
    return written.exclude(state=MessageState.CANCELLED)


#: An `Allocation` with the annotations of `list_allocations`, which the stubs cannot express across functions.
type AnnotatedAllocation = Any


def has_given() -> Exists:
    """Return a condition that the office ever allocated a licence to a school, revoked or not."""
    return Exists(Allocation.objects.all())


def get_allocation_of_key(key_id: int) -> Allocation:
    """Return the allocation of a key, with its school. Raises `Allocation.DoesNotExist`."""
    return Allocation.objects.select_related("school").get(key_id=key_id)


class PoolHolding(NamedTuple):
    """Licences that a school holds from one pool."""

    pool: str
    units: int


def list_sibling_pools(pool: Pool) -> dict[int, str]:
    """Return by id the names of the other pools of the same product and school year, but cancelled ones."""
    entitlement = pool.entitlement
    of_same_year = Q(product=entitlement.product_id, last_day=entitlement.last_day, cancelled_at=None)
    found = Pool.objects.filter(entitlement__in=find_entitlements(of_same_year))
    return dict(found.exclude(pk=pool.pk).order_by("opened_at", "pk").values_list("pk", "name"))


def list_holdings(pools: Mapping[int, str], uais: Collection[str]) -> dict[str, tuple[PoolHolding, ...]]:
    """Return by UAI what these schools hold from these pools, for those that hold any. One query at most."""
    if not pools:
        return {}
    held: dict[str, tuple[PoolHolding, ...]] = {}
    found = Allocation.objects.served().filter(pool_id__in=list(pools), school_id__in_array=list(uais))
    for uai, pool_id, units in found.order_by("pool_id").values_list("school_id", "pool_id", "units"):
        held[uai] = (*held.get(uai, ()), PoolHolding(pools[pool_id], units))
    return held


def list_holdings_beside(uai: str) -> dict[int, tuple[PoolHolding, ...]]:
    """Return by pool what a school holds from its sibling pools, where it would get a second key. Three queries."""
    pools = list(Pool.objects.prefetch_related("entitlement").order_by("opened_at", "pk"))
    held = dict(Allocation.objects.active().filter(school_id=uai).values_list("pool_id", "units"))
    return {
        pool.pk: tuple(
            PoolHolding(sibling.name, held[sibling.pk])
            for sibling in pools
            if held.get(sibling.pk) and sibling.entitlement.is_of_same_year(pool.entitlement)
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


def find_notified_ids(allocation_ids: Collection[int]) -> set[int]:
    """Return those of the allocations whose school was told that its key was revoked, or is being told.

    Call `mailing.operations.hold_back` before, as for `find_emailed_ids`.
    """
    return _find_allocations_with_message(allocation_ids, kinds=(MessageKind.REVOKED,), states=_REACHED_STATES)


def list_stopped_emails(
    allocation_ids: Collection[int], *, undone: Collection[datetime.datetime] = ()
) -> list[Message]:
    """Return the last e-mail about the key of each allocation where the act that is undone stopped it on its way.

    `undone`: moments of acts that were undone, whose own e-mails count for nothing. One that a worker held at that
    moment may have left or be dropped: it counts as stopped.
    """
    last = (
        Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id__in_array=allocation_ids)
        .exclude(kind=MessageKind.REVOKED)
        .exclude(created_at__in=undone)
        .order_by("topic_id", "-pk")
        .distinct("topic_id")
    )
    return [message for message in last if message.state in (MessageState.CANCELLED, MessageState.SENDING)]


class Revocation(NamedTuple):
    """What was revoked at one moment and can be restored."""

    revoked_at: datetime.datetime
    allocations: int
    units: int
    #: The name of the school, or of the first of several.
    school_name: str

    @property
    def restorable_until(self) -> datetime.datetime:
        return self.revoked_at + RESTORABLE_FOR


def list_restorable_revocations(at: datetime.datetime) -> list[Revocation]:
    """Return the revocations of the last `RESTORABLE_FOR` that were not undone, the latest first. One query."""
    recent = Allocation.objects.filter(revoked_at__gt=at - RESTORABLE_FOR).order_by("-revoked_at")
    counted = recent.values_list("revoked_at").annotate(Count("pk"), Sum("units"), Min("school__name"))
    return [Revocation._make(row) for row in counted if row[0] is not None]


def find_reminded_ids(moment: datetime.datetime, allocation_ids: Collection[int]) -> set[int]:
    """Return those of the allocations for which a reminder was queued since a moment."""
    states = [*_REACHED_STATES, MessageState.QUEUED, MessageState.HELD]
    return _find_allocations_with_message(allocation_ids, kinds=(MessageKind.REMINDER,), states=states, since=moment)


def find_just_sent_ids(since: datetime.datetime, allocation_ids: Collection[int]) -> set[int]:
    """Return those of the allocations whose key was sent since a moment."""
    return _list_topic_ids(
        Message.objects.filter(topic_id__in_array=allocation_ids, kind=MessageKind.KEY, sent_at__gte=since)
    )


def _find_allocations_with_message(
    allocation_ids: Collection[int],
    *,
    kinds: Collection[str],
    states: Collection[str],
    since: datetime.datetime | None = None,
) -> set[int]:
    messages = Message.objects.filter(
        Q(state__in=states) | Q(unanswered__gt=0), topic_id__in_array=allocation_ids, kind__in=kinds
    )
    return _list_topic_ids(messages if since is None else messages.filter(created_at__gte=since))


def _list_topic_ids(messages: QuerySet[Message]) -> set[int]:
    ids = messages.filter(topic=ALLOCATION_TOPIC).values_list("topic_id", flat=True)
    return {number for number in ids if number is not None}


class AllocationState(models.TextChoices):
    """State of an allocation in the API. The office shows its `Situation`."""

    ISSUED = "issued", "Non activée"
    REDEEMED = "redeemed", "Activée"
    REVOKED = "revoked", "Reprise"
    SUSPENDED = "suspended", "Suspendue"
    EXPIRED = "expired", "Expirée"
    CANCELLED = "cancelled", "Commande annulée"


def list_allocations(day: datetime.date, among: QuerySet[Allocation] | None = None) -> QuerySet[AnnotatedAllocation]:
    """Return the allocations with pool, school and key, annotated with their state on `day`.

    `among`: of these alone. One query before theirs, two after.

    Annotations: `state` (an `AllocationState`), `situation` (a `Situation`), `message_state` (of the last e-mail).
    """
    last_message = (
        Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id=OuterRef("pk")).order_by("-pk").values("state")[:1]
    )
    loaded = Allocation.objects.select_related("pool", "school").prefetch_related("pool__entitlement", "key")
    if among is not None:
        loaded = loaded.filter(pk__in=among.values("pk"))
    # The last e-mail about the key decides where it is not redeemed, its units where it is.
    last = _list_messages().filter(topic_id=OuterRef("pk")).order_by("-pk").values("situation")[:1]
    situation = Case(
        When(state=AllocationState.ISSUED, then=Coalesce(Subquery(last), Value(Situation.UNDELIVERED.value))),
        When(state=AllocationState.REDEEMED, units=0, then=Value(Situation.RETURNED.value)),
        default=F("state"),
        output_field=models.CharField(),
    )
    annotated: QuerySet[AnnotatedAllocation] = annotate_state(loaded, day).annotate(
        situation=situation, message_state=Subquery(last_message)
    )
    return annotated


def annotate_state(allocations: QuerySet[AnnotatedAllocation], day: datetime.date) -> QuerySet[AnnotatedAllocation]:
    """Annotate allocations with their `state`, an `AllocationState`, on a day. One query before theirs."""
    of_status: dict[AllocationState, list[int]] = {}
    for entitlement in list_entitlements():
        if entitlement.over_on(day):
            ended = entitlement.last_day < day
            of_status.setdefault(AllocationState.EXPIRED if ended else AllocationState.CANCELLED, []).append(
                entitlement.pk
            )
        elif not entitlement.available_on(day):
            of_status.setdefault(AllocationState.SUSPENDED, []).append(entitlement.pk)
    annotated: QuerySet[AnnotatedAllocation] = allocations.annotate(
        state=Case(
            When(revoked_at__isnull=False, then=Value(AllocationState.REVOKED.value)),
            *(When(pool__entitlement__in=numbers, then=Value(state.value)) for state, numbers in of_status.items()),
            When(redeemed_at__isnull=False, then=Value(AllocationState.REDEEMED.value)),
            default=Value(AllocationState.ISSUED.value),
        )
    )
    return annotated


def filter_not_redeemed(among: QuerySet[AnnotatedAllocation]) -> QuerySet[AnnotatedAllocation]:
    """Filter those whose key can be redeemed and was not."""
    return among.filter(state=AllocationState.ISSUED)


def filter_situation(situation: Situation, among: QuerySet[AnnotatedAllocation]) -> QuerySet[AnnotatedAllocation]:
    """Filter by situation those annotated with their `state`, as `situation=` does and faster."""
    if situation == Situation.UNDELIVERED:
        return filter_unreached(filter_not_redeemed(among))
    if situation in NOT_REDEEMED:
        last = _filter_last(_list_messages(), Q(situation=situation))
        return filter_not_redeemed(among).filter(pk__in=last.values("topic_id"))
    if situation == Situation.RETURNED:
        return among.filter(state=AllocationState.REDEEMED, units=0)
    if situation == Situation.REDEEMED:
        return among.filter(state=AllocationState.REDEEMED, units__gt=0)
    return among.filter(state=situation)


def _filter_last(messages: QuerySet[Any], condition: Q) -> QuerySet[Any]:
    """Return as `topic_id` what the last of these messages about it answers to a condition.

    Grouped once, and the messages not read again: half of the time where 60,000 keys have one.
    """
    topics = messages.order_by().values("topic_id")
    # Never less, but of what is equal PostgreSQL expects so little that it looks up one allocation after another.
    last: QuerySet[Any] = topics.annotate(last=Max("pk"), last_so=Max("pk", filter=condition))
    return last.filter(last__lte=F("last_so"))


def filter_unreached(among: QuerySet[AnnotatedAllocation]) -> QuerySet[AnnotatedAllocation]:
    """Filter those whose last e-mail about the key was lost, or that have none, of keys that can be redeemed."""
    return among.exclude(pk__in=_filter_last(_list_written(), ~_IS_LOST).values("topic_id"))


def filter_unused(among: QuerySet[AnnotatedAllocation]) -> QuerySet[AnnotatedAllocation]:
    """Filter the redeemed ones, annotated with their `state`, with a licence that nobody uses nor ever used."""
    return among.filter(state=AllocationState.REDEEMED, unused__gt=0)


def filter_delivered(day: datetime.date, among: QuerySet[AnnotatedAllocation]) -> QuerySet[AnnotatedAllocation]:
    """Filter those of pools that are not over on `day` whose key was redeemed, or whose last known letter arrived.

    Their licences are those that `read_progress` counts as delivered. One query before theirs.
    """
    known = Message.objects.filter(
        Q(state__in=(*_ARRIVED_STATES, *LOST)) | Q(state=MessageState.HELD, refusal=RefusalHandling.WAITING),
        topic=ALLOCATION_TOPIC,
        topic_id__isnull=False,
    )
    arrived = _filter_last(known, Q(state__in=_ARRIVED_STATES))
    return among.filter(
        Q(redeemed_at__isnull=False) | Q(pk__in=arrived.values("topic_id")),
        revoked_at__isnull=True,
        units__gt=0,
        pool__entitlement__in=find_entitlements(Q(last_day__gte=day, cancelled_at=None)),
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
        pool__entitlement__in=find_entitlements(Q(first_day__lte=date_in_paris(moment))),
    )


def filter_held_email(among: QuerySet[AnnotatedAllocation]) -> QuerySet[AnnotatedAllocation]:
    """Filter those not revoked with an e-mail that is held until the pool is restored."""
    held = Message.objects.held().filter(topic=ALLOCATION_TOPIC)
    return among.filter(pk__in=held.values("topic_id"), revoked_at__isnull=True)


class HeldKeys(NamedTuple):
    """A suspended pool, and how many of its keys have an e-mail that is held."""

    pool: Pool
    keys: int


def list_held_keys(day: datetime.date) -> list[HeldKeys]:
    """Return the held e-mails of each pool that is suspended on `day`, for those with any. Three queries at most."""
    counted = filter_held_email(Allocation.objects.all()).order_by().values_list("pool_id").annotate(Count("pk"))
    keys_of = dict(counted)
    pools = Pool.objects.prefetch_related("entitlement").filter(pk__in=keys_of).order_by("opened_at", "pk")
    return [HeldKeys(pool, keys_of[pool.pk]) for pool in pools if pool.entitlement.suspended_on(day)]
