"""Giving licences to schools: one or sixty thousand by the same statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection, transaction
from django.db.models import F

from collectivities import audit
from licensing.pools import checks
from licensing.pools.exceptions import (
    BadAddress,
    BadUnits,
    PoolExhausted,
    SchoolClosed,
    SchoolTwice,
    UnknownSchool,
    WouldShrink,
)
from licensing.pools.models import GIVEN_BY_LIST, GROWN_BY_LIST, TOPIC, Allocation, MessageKind, Pool
from licensing.subscriptions.growing import grow_many
from licensing.subscriptions.minting import mint
from licensing.subscriptions.models import ActivationKey
from mailing import operations as mailing
from schools.models import School, SchoolState
from schools.wording import school_name
from web import typography

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User

#: How many schools a refusal names before it only counts the others.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Demand:
    """What one school is to receive. With `total`, `units` is what it must have in the end, not what is added."""

    uai: str
    units: int
    recipient: str
    total: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: the allocation of each school, and how many licences left the pool."""

    #: The allocation's number by UAI, also of the schools that had their total already.
    allocations: dict[str, int]
    units: int
    created: int
    grown: int
    unchanged: int


class _School(NamedTuple):
    name: str
    mailbox: str
    state: str


class _Step(NamedTuple):
    """One school's demand, as it will be carried out: so many units more, on this allocation or on a new one."""

    demand: Demand
    school: _School
    added: int
    existing: Allocation | None

    @property
    def exposes(self) -> bool:
        return not checks.is_official(self.demand.recipient, self.school.mailbox)


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
    """Give `units` licences of a pool to a school, and write its key to `recipient`, now or on the chosen day.

    A second volume for the same school grows the key it has (and, once redeemed, its subscription). Returns the
    school's allocation. Raises a `Refused`, having changed nothing: pool exhausted, suspended or closed, school
    unknown or closed, bad address, quantity or date.
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
) -> Outcome:
    """Carry out all the demands on a pool or none, with a handful of statements whatever their number.

    A school that already has its total is left as it is and receives nothing. Raises what `allocate` raises,
    `SchoolTwice` where a school is named twice, and `WouldShrink` where a total is under what the school has.
    """
    pool = checks.locked_pool(pool_id)
    checks.check_open(pool.source, at)
    due_at = checks.due(send_on, source=pool.source, at=at)
    _check_written(demands)
    schools = _schools(demands)
    steps = _steps(pool, demands, schools)
    _check_keys_still_grow(steps)
    moving = [step for step in steps if step.added]
    units = sum(step.added for step in moving)
    _take(pool, units)
    created = [step for step in moving if step.existing is None]
    grown = [step for step in moving if step.existing is not None]
    numbers = {step.demand.uai: step.existing.pk for step in steps if step.existing is not None}
    numbers |= _create(pool, created, by=by, at=at, import_id=import_id)
    _grow(grown, at=at)
    if moving:
        _tell(pool, moving, numbers, by=by, at=at, due_at=due_at)
    return Outcome(
        allocations=numbers,
        units=units,
        created=len(created),
        grown=len(grown),
        unchanged=len(steps) - len(moving),
    )


def _list(uais: Sequence[str]) -> str:
    rest = len(uais) - NAMED
    return ", ".join(uais[:NAMED]) + (f" et {typography.number(rest)} de plus" if rest > 0 else "")


def _check_written(demands: Sequence[Demand]) -> None:
    """Check what can be seen without the database."""
    seen: set[str] = set()
    twice: list[str] = []
    for demand in demands:
        if demand.uai in seen:
            twice.append(demand.uai)
        seen.add(demand.uai)
        if demand.units < 1:
            raise BadUnits(f"{demand.uai} : indiquez un nombre entier de licences, au moins 1.")
        if demand.recipient != checks.address(demand.recipient):
            raise BadAddress(f"« {demand.recipient} » : retirez les espaces qui entourent l'adresse.")
    if twice:
        raise SchoolTwice(f"Un établissement n'est servi qu'une fois d'un même geste : {_list(twice)}.")


def _schools(demands: Sequence[Demand]) -> dict[str, _School]:
    uais = [demand.uai for demand in demands]
    found = {
        uai: _School(name, mailbox, state)
        for uai, name, mailbox, state in School.objects.filter(uai__in=uais).values_list(
            "uai", "name", "email", "state"
        )
    }
    if unknown := [uai for uai in uais if uai not in found]:
        raise UnknownSchool(f"Aucun établissement de l'annuaire ne porte cet UAI : {_list(unknown)}.")
    if closed := [uai for uai in uais if found[uai].state == SchoolState.CLOSED]:
        names = _list([f"{found[uai].name} ({uai})" for uai in closed])
        raise SchoolClosed(f"Fermé d'après l'annuaire, donc rien n'y est attribué : {names}.")
    return found


def _steps(pool: Pool, demands: Sequence[Demand], schools: dict[str, _School]) -> list[_Step]:
    """Lock what the schools already have from the pool, and return what each demand adds to it."""
    held = {
        allocation.school_id: allocation
        for allocation in Allocation.objects.active()
        .locked()
        .filter(pool=pool, school_id__in=[demand.uai for demand in demands])
    }
    steps, shrinking = [], []
    for demand in demands:
        existing = held.get(demand.uai)
        had = existing.units if existing is not None else 0
        added = demand.units - had if demand.total else demand.units
        if added < 0:
            shrinking.append(f"{demand.uai} (en a {had})")
        steps.append(_Step(demand, schools[demand.uai], added, existing))
    if shrinking:
        raise WouldShrink(
            f"Une attribution ne se réduit pas de cette manière, il faut la reprendre puis attribuer de nouveau : "
            f"{_list(shrinking)}."
        )
    return steps


def _check_keys_still_grow(steps: Sequence[_Step]) -> None:
    """Lock the keys that will grow: a principal who redeems one at this moment waits, and gets the whole volume."""
    key_ids = [step.existing.key_id for step in steps if step.existing is not None and step.added]
    if key_ids:
        list(ActivationKey.objects.locked().filter(pk__in=key_ids).values_list("pk", flat=True))


def _take(pool: Pool, units: int) -> None:
    """Take the units out of the pool. Raises `PoolExhausted`, which says what is left."""
    if units > pool.free:
        free = typography.plural(pool.free, "licence libre", "licences libres") if pool.free else "plus aucune licence"
        raise PoolExhausted(
            f"Le lot « {pool.name} » n'a {'plus que ' if pool.free else ''}{free} ; "
            f"il en faudrait {typography.number(units)}. Rien n'a été attribué."
        )
    # F() and not +=: were the lock ever forgotten, the database's own CHECK would still refuse.
    Pool.objects.filter(pk=pool.pk).update(allocated=F("allocated") + units)


def _create(
    pool: Pool, steps: Sequence[_Step], *, by: User | None, at: datetime.datetime, import_id: int | None
) -> dict[str, int]:
    """Mint a key for each school that has none and store its allocation; return the allocations' numbers by UAI."""
    if not steps:
        return {}
    key_ids = mint(
        source=pool.source,
        prefix=pool.source.collectivity.key_prefix if pool.source.collectivity else "",
        demands=[(step.demand.uai, step.added, step.exposes) for step in steps],
        at=at,
    )
    table = connection.ops.quote_name(Allocation._meta.db_table)  # noqa: SLF001 - Django's documented way to the name
    columns = "id, pool_id, school_id, key_id, units, recipient, created_at, created_by_id, import_id"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, len(steps)]
        )
        numbers = [row[0] for row in cursor.fetchall()]
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int8", "int8", "varchar", "int8", "int4", "varchar", "timestamptz", "int8", "int8"])
            for number, key_id, step in zip(numbers, key_ids, steps, strict=True):
                copy.write_row(
                    (
                        number,
                        pool.pk,
                        step.demand.uai,
                        key_id,
                        step.added,
                        step.demand.recipient,
                        at,
                        by.pk if by else None,
                        import_id,
                    )
                )
    return {step.demand.uai: number for number, step in zip(numbers, steps, strict=True)}


def _grow(steps: Sequence[_Step], *, at: datetime.datetime) -> None:
    """Add a second volume to what the schools have: the allocation, its key, and the seats of a redeemed one."""
    growing = [(step.existing, step) for step in steps if step.existing is not None]
    if not growing:
        return
    table = connection.ops.quote_name(Allocation._meta.db_table)  # noqa: SLF001 - Django's documented way to the name
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS allocation SET units = allocation.units + grown.units, recipient = grown.recipient"  # noqa: S608
            " FROM unnest(%s::bigint[], %s::int[], %s::text[]) AS grown (id, units, recipient)"
            " WHERE allocation.id = grown.id",
            [
                [existing.pk for existing, _ in growing],
                [step.added for _, step in growing],
                [step.demand.recipient for _, step in growing],
            ],
        )
    grow_many({existing.key_id: step.added for existing, step in growing})
    exposed = [existing.key_id for existing, step in growing if step.exposes]
    ActivationKey.objects.filter(pk__in=exposed, exposed_at=None).update(exposed_at=at)
    # One e-mail says the whole: what was still waiting about these keys does not leave.
    mailing.cancel(TOPIC, [existing.pk for existing, _ in growing], at)


def _tell(
    pool: Pool,
    steps: Sequence[_Step],
    numbers: dict[str, int],
    *,
    by: User | None,
    at: datetime.datetime,
    due_at: datetime.datetime,
) -> None:
    """Write the journal, a line a school, and queue the e-mails."""
    given, grown = ("pools.allocated", "pools.grown") if len(steps) == 1 else (GIVEN_BY_LIST, GROWN_BY_LIST)
    audit.record_many(
        [
            audit.Entry(
                action=given if step.existing is None else grown,
                summary=_summary(step, pool),
                school_id=step.demand.uai,
                object_type="allocation",
                object_id=numbers[step.demand.uai],
            )
            for step in steps
        ],
        by=by,
        at=at,
    )
    outgoing = [
        mailing.Outgoing(
            kind=MessageKind.KEY,
            recipient=step.demand.recipient,
            topic=TOPIC,
            topic_id=numbers[step.demand.uai],
            about=f"{step.school.name} ({step.demand.uai})",
            context={} if step.existing is None else {"added": step.added},
        )
        for step in steps
    ]
    if len(outgoing) == 1:
        # A single message goes before the thousands of an import.
        only = outgoing[0]
        mailing.enqueue(
            kind=only.kind,
            recipient=only.recipient,
            topic=only.topic,
            topic_id=only.topic_id,
            about=only.about,
            context=only.context,
            at=at,
            due_at=due_at,
        )
    else:
        mailing.enqueue_many(outgoing, at=at, due_at=due_at)


def _summary(step: _Step, pool: Pool) -> str:
    given, school = typography.plural(step.added, "licence"), school_name(step.school.name)
    if step.existing is None:
        agreed = "attribuée" if step.added == 1 else "attribuées"
        return f"{given} {agreed} à {school} sur le lot « {pool.name} » ; clé pour {step.demand.recipient}."
    total = typography.number(step.existing.units + step.added)
    return (
        f"{given} de plus pour {school} sur le lot « {pool.name} » (désormais {total}, même clé) ; "
        f"e-mail pour {step.demand.recipient}."
    )
