"""Operations on pools: allocate, reduce, set a number, revoke, restore, return, resend, remind, reveal, rename.

Each runs in one transaction: lock (in the global order: pool → allocation → key → subscription → seat), check, change,
write the audit log, queue e-mails. An exception leaves everything unchanged.
"""

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, Q

from accounts.models import User
from collectivities import audit_log
from collectivities.queries import get_contact_emails
from core import formatting
from core.connections import connection
from core.copy_rows import copy_rows, reserve_ids
from core.exceptions import DomainError, Refusal
from jobs import due
from licensing.entitlements.keys import grow_many, mint
from licensing.entitlements.models import ActivationKey
from licensing.pools import checks, events
from licensing.pools.checks import (
    AllocationOutcome,
    AllocationStage,
    CheckedDemand,
    Demand,
    ProgressCallback,
    no_progress,
)
from licensing.pools.exceptions import RowsRefused
from licensing.pools.journal import record_pool
from licensing.pools.key_states import copy_key_states
from licensing.pools.models import ALLOCATED_IN_BULK, ALLOCATION_TOPIC, GROWN_IN_BULK, Allocation, MessageKind, Pool
from licensing.pools.reductions import Reduction, reduce_many
from licensing.pools.wording import describe_allocation, describe_bulk_allocation, describe_growth
from mailing import operations as mailing
from webhooks import operations as webhooks

_KEY = MessageKind.KEY.value


def _record(
    pool: Pool,
    demands: Sequence[CheckedDemand],
    allocation_ids: Mapping[str, int],
    *,
    by: User | None,
    at: datetime.datetime,
) -> None:
    """Write an audit entry for each school."""
    alone = len(demands) == 1
    created, grown = ("pools.allocated", "pools.grown") if alone else (ALLOCATED_IN_BULK, GROWN_IN_BULK)
    audit_log.record_many(
        (
            audit_log.NewAuditEntry(
                created if checked.existing is None else grown,
                _summarise(checked, pool.name),
                checked.demand.uai,
                "allocation",
                allocation_ids[checked.demand.uai],
            )
            for checked in demands
        ),
        by=by,
        at=at,
    )


def _summarise(checked: CheckedDemand, pool_name: str) -> str:
    if checked.existing is None:
        return describe_allocation(checked.added, checked.school.name, pool_name, checked.demand.recipient)
    total = checked.existing.units + checked.added
    return describe_growth(checked.added, total, checked.school.name, pool_name, checked.demand.recipient)


def _build_message(checked: CheckedDemand, allocation_ids: Mapping[str, int]) -> mailing.NewMessage:
    demand = checked.demand
    context: dict[str, int] = {} if checked.existing is None else {"added": checked.added}
    if demand.asked:
        context["asked"] = demand.asked
    elif demand.is_moved:
        context["moved"] = True
    return mailing.NewMessage(
        kind=_KEY,
        recipient=demand.recipient,
        topic=ALLOCATION_TOPIC,
        topic_id=allocation_ids[demand.uai],
        about=f"{checked.school.name} ({demand.uai})",
        context=context,
    )


_TABLE = "pools_allocation"
_COLUMNS = {
    "id": "int8",
    "pool_id": "int8",
    "school_id": "varchar",
    "key_id": "int8",
    "units": "int4",
    "recipient": "varchar",
    "created_at": "timestamptz",
    "created_by_id": "int8",
    "import_id": "int8",
}


def grow_allocations(demands: Sequence[CheckedDemand], redeemed: Collection[int], *, at: datetime.datetime) -> None:
    """Add units to existing allocations, their keys, and the seats of redeemed ones, which the caller has locked."""
    grown = [(checked.existing, checked) for checked in demands if checked.existing is not None]
    if not grown:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pools_allocation AS allocation"
            " SET units = allocation.units + grown.units, recipient = grown.recipient, grown_at = %s"
            " FROM unnest(%s::bigint[], %s::int[], %s::text[]) AS grown (id, units, recipient)"
            " WHERE allocation.id = grown.id",
            [
                at,
                [existing.allocation_id for existing, _ in grown],
                [checked.added for _, checked in grown],
                [checked.demand.recipient for _, checked in grown],
            ],
        )
    grow_many(
        {existing.key_id: checked.added for existing, checked in grown},
        readdressed=[existing.key_id for existing, checked in grown if existing.recipient != checked.demand.recipient],
    )
    if redeemed:
        copy_key_states([existing.allocation_id for existing, _ in grown if existing.key_id in redeemed])
    exposed = Q(pk__in_array=[existing.key_id for existing, checked in grown if checked.exposes_key])
    ActivationKey.objects.filter(exposed, exposed_at=None).update(exposed_at=at)
    # The new e-mail states the total: pending e-mails about these keys are cancelled.
    mailing.cancel(ALLOCATION_TOPIC, [existing.allocation_id for existing, _ in grown], at)


#: Kind of the due work that `licensing.reminders` does for the e-mails of an allocation, and how long after them.
PLAN_REMINDERS = "reminders.plan"
PLANNING_DELAY = datetime.timedelta(hours=1)


def allocate(
    *,
    pool_id: int,
    uai: str,
    units: int,
    recipient: str,
    by: User | None,
    at: datetime.datetime,
    send_on: datetime.date | None = None,
    import_id: int | None = None,
) -> Allocation:
    """Allocate `units` licences of a pool to a school; e-mail its key to `recipient`, now or on `send_on`.

    A second volume for the same school grows its key (and, once redeemed, its subscription). Returns the school's
    allocation. Raises a `DomainError`, having changed nothing: pool exhausted, suspended or closed, school unknown
    or closed, bad address, quantity or date.
    """
    outcome = allocate_many(
        pool_id=pool_id,
        demands=[Demand(uai, units, recipient)],
        by=by,
        at=at,
        send_on=send_on,
        import_id=import_id,
    )
    return Allocation.objects.get(pk=outcome.allocations[uai])


@transaction.atomic
def allocate_many(
    *,
    pool_id: int,
    demands: Sequence[Demand],
    by: User | None,
    at: datetime.datetime,
    send_on: datetime.date | None = None,
    import_id: int | None = None,
    known_schools: Sequence[checks.TargetSchool] = (),
    notify_at: datetime.datetime | None = None,
    on_progress: ProgressCallback = no_progress,
) -> AllocationOutcome:
    """Allocate to all the schools or to none, in a constant number of statements.

    A school that already has its total is left unchanged. `import_id`: the import whose rows document the allocations,
    which are then not written to the audit log. `known_schools`: schools just read in this transaction. `notify_at`:
    when the schools are told, in place of `send_on`. `on_progress` is called before each stage; its exceptions roll
    everything back. Raises what `allocate` raises, and refuses a school that is named twice (`duplicate_school`) and
    a total below what the school has (`would_reduce`).
    """
    on_progress(AllocationStage.CHECKING, 0, len(demands))
    pool = checks.lock_pool(pool_id)
    checks.check_open(pool.entitlement, at)
    due_at = notify_at or checks.compute_due_at(send_on, entitlement=pool.entitlement, at=at)
    uais = [demand.uai for demand in demands]
    accepted, rejected = [], []
    for checked in checks.check_demands(
        demands, checks.get_target_schools(uais, known_schools), checks.lock_existing_allocations(pool, uais)
    ):
        if isinstance(checked, CheckedDemand):
            accepted.append(checked)
        else:
            rejected.append(checked)
    if rejected:
        raise checks.build_error(rejected)
    units = sum(checked.added for checked in accepted)
    if units > pool.free:
        raise checks.pool_exhausted_error(pool, pool.free, units, "Rien n'a été attribué.")
    return apply_demands(pool, accepted, by=by, at=at, due_at=due_at, import_id=import_id, on_progress=on_progress)


def apply_demands(
    pool: Pool,
    demands: Sequence[CheckedDemand],
    *,
    by: User | None,
    at: datetime.datetime,
    due_at: datetime.datetime,
    import_id: int | None = None,
    on_progress: ProgressCallback = no_progress,
) -> AllocationOutcome:
    """Take the units from the pool, allocate them, and queue the notifications.

    The caller has locked the pool and checked that it has enough. A school to which nothing is added is left unchanged.
    """
    redeemed = _lock_growing_keys(demands)
    changing = [checked for checked in demands if checked.added]
    units = sum(checked.added for checked in changing)
    # F() and not +=: were the lock ever forgotten, the database's own CHECK would still refuse.
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") + units)
    created = [checked for checked in changing if checked.existing is None]
    grown = [checked for checked in changing if checked.existing is not None]
    allocation_ids = {
        checked.demand.uai: checked.existing.allocation_id for checked in demands if checked.existing is not None
    }
    if created:
        on_progress(AllocationStage.KEYS, 0, len(created))
        collectivity = pool.entitlement.collectivity
        key_ids = mint(
            entitlement=pool.entitlement,
            prefix=collectivity.key_prefix if collectivity else "",
            demands=[(checked.demand.uai, checked.added, checked.exposes_key) for checked in created],
            at=at,
        )
        on_progress(AllocationStage.ALLOCATIONS, 0, len(created))
        numbers, pool_id, by_id = reserve_ids(_TABLE, len(created)), pool.pk, by.pk if by else None
        copy_rows(
            _TABLE,
            _COLUMNS,
            (
                (number, pool_id, demand.uai, key_id, added, demand.recipient, at, by_id, import_id)
                for number, key_id, (demand, _, added, _) in zip(numbers, key_ids, created, strict=True)
            ),
        )
        allocation_ids |= {checked.demand.uai: number for number, checked in zip(numbers, created, strict=True)}
    grow_allocations(grown, redeemed, at=at)
    if changing:
        on_progress(AllocationStage.JOURNAL, 0, len(changing))
        # The rows of an import document its allocations, up to 60,000 of them.
        if import_id is None:
            _record(pool, changing, allocation_ids, by=by, at=at)
        on_progress(AllocationStage.MESSAGES, 0, len(changing))
        mailing.enqueue_many((_build_message(checked, allocation_ids) for checked in changing), at=at, due_at=due_at)
        webhooks.emit(
            events=events.build_issued_events(pool, changing, allocation_ids, units=units, import_id=import_id), at=at
        )
        # Last, as it locks the collectivity's row: once the e-mails have left, what follows them is planned.
        due.schedule(PLAN_REMINDERS, connection.schema_name, due_at + PLANNING_DELAY)
    on_progress(AllocationStage.COMMITTING, len(demands), len(demands))
    return AllocationOutcome(
        allocations=allocation_ids,
        units=units,
        created=len(created),
        grown=len(grown),
        unchanged=len(demands) - len(changing),
    )


def _lock_growing_keys(demands: Sequence[CheckedDemand]) -> set[int]:
    """Lock the keys that will grow: a concurrent redemption waits, and then gets the full volume.

    Returns the primary keys of those that are redeemed.
    """
    key_ids = [checked.existing.key_id for checked in demands if checked.existing is not None and checked.added]
    if not key_ids:
        return set()
    locked = ActivationKey.objects.locked().filter(pk__in_array=key_ids).values_list("pk", "redeemed_at")
    return {key_id for key_id, redeemed_at in locked if redeemed_at is not None}


class UnitChange(NamedTuple):
    """The licences of an allocation before and after."""

    allocation: Allocation
    before: int
    units: int
    #: Whether an e-mail to the school was queued.
    notified: bool


@transaction.atomic
def set_units(
    *, allocation_id: int, units: int, expected: int | None, by: User | None, at: datetime.datetime
) -> UnitChange:
    """Give a school this number of licences in all from the pool of its allocation; its key stays the same.

    More grow the key, and its subscription once redeemed; fewer return to the pool. Idempotent. `expected`: the number
    that the caller saw, None to change whatever there is. Raises, having changed nothing, `Refusal` where there
    are others by now, `AllocationRevoked`, `UnknownAllocation`, and what `allocate` and `reduce` raise:
    `AllocationRedeemed` for fewer.
    """
    allocation = checks.lock_active_allocation(allocation_id)
    before = allocation.units
    if units == before:
        return UnitChange(allocation, before, units, notified=False)
    if expected not in (None, before):
        raise Refusal(
            "units_changed",
            f"Entre-temps, cette attribution est passée à {formatting.pluralize(before, 'licence')} : vérifiez le "
            "nombre, puis enregistrez de nouveau. Rien n'a été changé.",
        )
    pool_id, uai = allocation.pool_id, allocation.school_id
    if units > before:
        allocate(pool_id=pool_id, uai=uai, units=units - before, recipient=allocation.recipient, by=by, at=at)
        return UnitChange(allocation, before, units, notified=True)
    [result] = reduce_many(pool_id=pool_id, reductions=[Reduction(uai, units)], by=by, at=at)
    result.raise_for_refusal()
    return UnitChange(allocation, before, units, notified=result.notified)


MAX_NAME_LENGTH = 120


@transaction.atomic
def rename_pool(*, pool_id: int, name: str, by: User | None, at: datetime.datetime) -> Pool:
    """Rename a pool and return it. Idempotent.

    Raises `Refusal` for a name that is empty, too long, or that of another pool.
    """
    pool = checks.lock_pool(pool_id)
    cleaned = " ".join("".join(character if character.isprintable() else " " for character in name).split())
    if not cleaned:
        raise Refusal("invalid_pool_name", "Donnez un nom au lot : celui qu'il a ne change pas.")
    if len(cleaned) > MAX_NAME_LENGTH:
        raise Refusal(
            "invalid_pool_name",
            f"Le nom d'un lot compte {MAX_NAME_LENGTH} caractères au plus ; celui-ci, {len(cleaned)}.",
        )
    if cleaned == pool.name:
        return pool
    if Pool.objects.exclude(pk=pool.pk).filter(name__iexact=cleaned).exists():
        raise Refusal(
            "invalid_pool_name", f"Un autre lot s'appelle « {cleaned} » : choisissez un nom qui les distingue."
        )
    before, pool.name = pool.name, cleaned
    pool.save(update_fields=["name"])
    record_pool("pools.renamed", pool, f"Lot « {before} » renommé « {cleaned} ».", by=by, at=at)
    return pool


class AllocationRequest(NamedTuple):
    """The request of one row. `recipient`: by default the portfolio's contact, else the directory's."""

    uai: str
    units: int
    recipient: str | None = None
    total: bool = False


class AllocationRowStatus(StrEnum):
    """Outcome of a row."""

    CREATED = "created"
    GROWN = "grown"
    #: The school had its total already.
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


class AllocationRowResult(NamedTuple):
    """Result of a row: the allocation with its units, or the refusal."""

    uai: str
    result: AllocationRowStatus
    allocation_id: int | None = None
    units: int | None = None
    refusal: DomainError | None = None


class BulkAllocationResult(NamedTuple):
    """Results by row, in order, and totals."""

    results: list[AllocationRowResult]
    outcome: AllocationOutcome


@transaction.atomic
def allocate_rows(
    *,
    pool_id: int,
    rows: Sequence[AllocationRequest],
    all_or_nothing: bool,
    by: User | None,
    at: datetime.datetime,
    send_on: datetime.date | None = None,
) -> BulkAllocationResult:
    """Allocate what each row requests, in a constant number of statements.

    `all_or_nothing`: raises `RowsRefused` with the error of every refused row, or `PoolExhausted`. Otherwise
    best effort, in order: a row that is refused or exceeds the rest of the pool is skipped. Raises
    `Refusal` for what concerns all rows.
    """
    pool = checks.lock_pool(pool_id)
    checks.check_open(pool.entitlement, at)
    due_at = checks.compute_due_at(send_on, entitlement=pool.entitlement, at=at)
    uais = [row.uai for row in rows]
    targets = checks.get_target_schools(uais)
    checked = list(
        checks.check_demands(
            _resolve_recipients(rows, targets),
            targets,
            checks.lock_existing_allocations(pool, uais),
            recipients_looked_up=True,
        )
    )
    checked_or_errors = list(_all_or_nothing(pool, checked) if all_or_nothing else _best_effort(pool, checked))
    accepted = [one for one in checked_or_errors if isinstance(one, CheckedDemand)]
    outcome = apply_demands(pool, accepted, by=by, at=at, due_at=due_at)
    if (schools := outcome.created + outcome.grown) > 1:
        # For the home page of the office; each school's page shows its own entry.
        summary = describe_bulk_allocation(outcome.units, schools, pool.name)
        record_pool("pools.bulk_allocated", pool, summary, by=by, at=at)
    results = [
        _build_result(one, outcome)
        if isinstance(one, CheckedDemand)
        else AllocationRowResult(row.uai, AllocationRowStatus.REJECTED, refusal=one)
        for row, one in zip(rows, checked_or_errors, strict=True)
    ]
    return BulkAllocationResult(results, outcome)


def _resolve_recipients(rows: Sequence[AllocationRequest], schools: Mapping[str, checks.TargetSchool]) -> list[Demand]:
    """Return the demands with their recipients looked up; empty where there is none."""
    without_recipient = [row.uai for row in rows if row.recipient is None and row.uai in schools]
    contacts = get_contact_emails(without_recipient) if without_recipient else {}
    return [
        Demand(
            row.uai,
            row.units,
            (contacts.get(row.uai) or (schools[row.uai].mailbox if row.uai in schools else ""))
            if row.recipient is None
            else row.recipient,
            row.total,
        )
        for row in rows
    ]


def _all_or_nothing(pool: Pool, checked: Sequence[CheckedDemand | checks.RejectedDemand]) -> Iterator[CheckedDemand]:
    refusals = {index: one.refusal() for index, one in enumerate(checked) if isinstance(one, checks.RejectedDemand)}
    if refusals:
        raise RowsRefused(refusals)
    accepted = [one for one in checked if isinstance(one, CheckedDemand)]
    units = sum(one.added for one in accepted)
    if units > pool.free:
        raise checks.pool_exhausted_error(pool, pool.free, units, "Rien n'a été attribué.")
    yield from accepted


def _best_effort(
    pool: Pool, checked: Sequence[CheckedDemand | checks.RejectedDemand]
) -> Iterator[CheckedDemand | DomainError]:
    free = pool.free
    for one in checked:
        if isinstance(one, checks.RejectedDemand):
            yield one.refusal()
        elif one.added > free:
            yield checks.pool_exhausted_error(pool, free, one.added, "Cette ligne n'a rien reçu.")
        else:
            free -= one.added
            yield one


def _build_result(checked: CheckedDemand, outcome: AllocationOutcome) -> AllocationRowResult:
    uai = checked.demand.uai
    before = checked.existing.units if checked.existing is not None else 0
    result = (
        AllocationRowStatus.UNCHANGED
        if not checked.added
        else AllocationRowStatus.CREATED
        if checked.existing is None
        else AllocationRowStatus.GROWN
    )
    return AllocationRowResult(uai, result, outcome.allocations[uai], before + checked.added)
