"""Giving licences to schools: one or sixty thousand by the same statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import F

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
from licensing.pools.models import Allocation, Pool
from licensing.pools.operations.giving import Held, Step, Target, create, grow
from licensing.pools.operations.telling import tell_given
from licensing.pools.operations.watching import Stage, unwatched
from licensing.subscriptions.models import ActivationKey
from schools.models import School, SchoolState
from web import arrays, typography

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from licensing.pools.operations.watching import Watch

#: How many schools a refusal names before it only counts the others.
NAMED = 5


class Demand(NamedTuple):
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
    known: Sequence[Target] = (),
    watch: Watch = unwatched,
) -> Outcome:
    """Carry out all the demands on a pool or none, with a handful of statements whatever their number.

    A school that already has its total is left as it is and receives nothing. `import_id`: the import whose rows say
    all of it, so that the journal does not. `known`: schools as this transaction has just read them. `watch` is told
    of each stage before it begins; what it raises undoes everything. Raises what `allocate` raises, `SchoolTwice`
    where a school is named twice, and `WouldShrink` where a total is under what the school has.
    """
    watch(Stage.CHECKING, 0, len(demands))
    pool = checks.locked_pool(pool_id)
    checks.check_open(pool.source, at)
    due_at = checks.due(send_on, source=pool.source, at=at)
    _check_written(demands)
    schools = _schools(demands, known)
    steps = _steps(pool, demands, schools)
    _check_keys_still_grow(steps)
    moving = [step for step in steps if step.added]
    units = sum(step.added for step in moving)
    _take(pool, units)
    created = [step for step in moving if step.held is None]
    grown = [step for step in moving if step.held is not None]
    numbers = {step.demand.uai: step.held.allocation_id for step in steps if step.held is not None}
    numbers |= create(pool, created, by=by, at=at, import_id=import_id, watch=watch)
    grow(grown, at=at)
    if moving:
        tell_given(pool, moving, numbers, by=by, at=at, due_at=due_at, import_id=import_id, watch=watch)
    watch(Stage.COMMITTING, len(steps), len(steps))
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


def _schools(demands: Sequence[Demand], known: Sequence[Target]) -> dict[str, Target]:
    uais = [demand.uai for demand in demands]
    found = {school.uai: school for school in known}
    if unread := [uai for uai in uais if uai not in found]:
        read = School.objects.filter(arrays.text_in("uai", unread)).values_list("uai", "name", "email", "state")
        found |= {row[0]: Target(*row) for row in read}
    if unknown := [uai for uai in uais if uai not in found]:
        raise UnknownSchool(f"Aucun établissement de l'annuaire ne porte cet UAI : {_list(unknown)}.")
    if closed := [uai for uai in uais if found[uai].state == SchoolState.CLOSED]:
        names = _list([f"{found[uai].name} ({uai})" for uai in closed])
        raise SchoolClosed(f"Fermé d'après l'annuaire, donc rien n'y est attribué : {names}.")
    return found


def _steps(pool: Pool, demands: Sequence[Demand], schools: dict[str, Target]) -> list[Step]:
    """Lock what the schools already have from the pool, and return what each demand adds to it."""
    locked = (
        Allocation.objects.active()
        .locked()
        .filter(arrays.text_in("school_id", (demand.uai for demand in demands)), pool=pool)
    )
    held = {uai: Held(*rest) for uai, *rest in locked.values_list("school_id", "pk", "key_id", "units")}
    steps, shrinking = [], []
    for demand in demands:
        existing = held.get(demand.uai)
        had = existing.units if existing is not None else 0
        added = demand.units - had if demand.total else demand.units
        if added < 0:
            shrinking.append(f"{demand.uai} (en a {had})")
        steps.append(Step(demand, schools[demand.uai], added, existing))
    if shrinking:
        raise WouldShrink(
            f"Une attribution ne se réduit pas de cette manière, il faut la réduire ou la reprendre d'abord : "
            f"{_list(shrinking)}."
        )
    return steps


def _check_keys_still_grow(steps: Sequence[Step]) -> None:
    """Lock the keys that will grow: a principal who redeems one at this moment waits, and gets the whole volume."""
    key_ids = [step.held.key_id for step in steps if step.held is not None and step.added]
    if key_ids:
        list(ActivationKey.objects.locked().filter(arrays.number_in("pk", key_ids)).values_list("pk", flat=True))


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
