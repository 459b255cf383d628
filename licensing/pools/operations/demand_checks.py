"""Check demands on a pool: each becomes a checked demand or an error.

Pure but for `get_target_schools` and `lock_existing_allocations`, which query and lock. The caller has locked the pool.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from core import formatting
from licensing.exceptions import LicensingError
from licensing.pools import checks
from licensing.pools.exceptions import (
    BadAddress,
    BadUnits,
    DuplicateSchool,
    NoAddress,
    PoolExhausted,
    SchoolClosed,
    SchoolNotInDirectory,
    WouldShrink,
)
from licensing.pools.models import Allocation, Pool
from licensing.pools.operations.demands import CheckedDemand, Demand, ExistingAllocation, TargetSchool
from schools.models import School, SchoolState

#: Number of schools that an error message names; the others are counted.
_MAX_NAMED = 5
_CLOSED = SchoolState.CLOSED.value

#: Message by error, formatted with the `name`s of the rejected demands. In order of precedence.
_SENTENCES: dict[type[LicensingError], str] = {
    BadUnits: "{} : indiquez un nombre entier de licences, au moins 1.",
    # The name is the full message.
    BadAddress: "{}",
    DuplicateSchool: "Un établissement n'est servi qu'une fois d'un même geste : {}.",
    SchoolNotInDirectory: "Aucun établissement de l'annuaire ne porte cet UAI : {}.",
    SchoolClosed: "Fermé d'après l'annuaire, donc rien n'y est attribué : {}.",
    NoAddress: "Ni contact dans votre périmètre, ni adresse officielle dans l'annuaire : indiquez l'adresse e-mail à "
    "laquelle envoyer la clé : {}.",
    WouldShrink: "Une attribution ne se réduit pas de cette manière, il faut la réduire ou la reprendre d'abord : {}.",
}


class RejectedDemand(NamedTuple):
    """A rejected demand: the error class, and the school's name in the message."""

    kind: type[LicensingError]
    name: str

    def refusal(self) -> LicensingError:
        """Return the error for this demand alone."""
        return self.kind(_SENTENCES[self.kind].format(self.name))


def build_error(rejected: Collection[RejectedDemand]) -> LicensingError:
    """Return one error for all: the first error class by precedence, with the schools concerned."""
    kind = min((one.kind for one in rejected), key=list(_SENTENCES).index)
    names = [one.name for one in rejected if one.kind is kind]
    text = names[0] if kind is BadAddress else _join_names(names)
    return kind(_SENTENCES[kind].format(text))


def check_demands(
    demands: Sequence[Demand],
    schools: Mapping[str, TargetSchool],
    existing_allocations: Mapping[str, ExistingAllocation],
    *,
    recipients_looked_up: bool = False,
) -> Iterator[CheckedDemand | RejectedDemand]:
    """Yield the checked demand, or why the demand is rejected, for each demand in order.

    Only the first demand for a school counts, even if rejected. `recipients_looked_up`: a missing recipient was
    looked up in the portfolio and the directory.
    """
    checked_uais: set[str] = set()
    for demand in demands:
        uai, units, recipient, total = demand[:4]
        school = schools.get(uai)
        if units < 1:
            yield RejectedDemand(BadUnits, uai)
        elif uai in checked_uais:
            yield RejectedDemand(DuplicateSchool, uai)
        elif school is None:
            yield RejectedDemand(SchoolNotInDirectory, uai)
        elif school.state == _CLOSED:
            yield RejectedDemand(SchoolClosed, f"{school.name} ({uai})")
        elif error := _check_recipient(recipient):
            not_found = recipients_looked_up and not recipient
            yield (
                RejectedDemand(NoAddress, f"{school.name} ({uai})") if not_found else RejectedDemand(BadAddress, error)
            )
        else:
            existing = existing_allocations.get(uai)
            had = existing.units if existing is not None else 0
            added = units - had if total else units
            yield (
                CheckedDemand(demand, school, added, existing)
                if added >= 0
                else RejectedDemand(WouldShrink, f"{uai} (en a {had})")
            )
        checked_uais.add(uai)


def get_target_schools(uais: Collection[str], known: Sequence[TargetSchool] = ()) -> dict[str, TargetSchool]:
    """Return the schools by UAI; missing where the directory has none. `known` are not queried again."""
    schools = {school.uai: school for school in known}
    if unread := [uai for uai in uais if uai not in schools]:
        rows = School.objects.filter(uai__in_array=unread).values_list("uai", "name", "email", "state")
        schools |= {row[0]: TargetSchool(*row) for row in rows}
    return schools


def lock_existing_allocations(pool: Pool, uais: Collection[str]) -> dict[str, ExistingAllocation]:
    """Lock the active allocations of the schools from the pool, and return them by UAI."""
    locked = Allocation.objects.active().locked().filter(school_id__in_array=uais, pool=pool)
    rows = locked.values_list("school_id", "pk", "key_id", "units", "recipient")
    return {row[0]: ExistingAllocation(*row[1:]) for row in rows}


def pool_exhausted_error(pool: Pool, free: int, units: int, consequence: str) -> PoolExhausted:
    """Return the error for `units` where only `free` are left; `consequence`: what was not done."""
    left = formatting.pluralize(free, "licence libre", "licences libres") if free else "plus aucune licence"
    return PoolExhausted(
        f"Le lot « {pool.name} » n'a {'plus que ' if free else ''}{left} ; "
        f"il en faudrait {formatting.number(units)}. {consequence}"
    )


def _check_recipient(recipient: str) -> str:
    """Return the error message for a recipient; empty where it is valid."""
    try:
        address = checks.clean_address(recipient)
    except BadAddress as refusal:
        return str(refusal)
    return "" if address == recipient else f"« {recipient} » : retirez les espaces qui entourent l'adresse."


def _join_names(names: Sequence[str]) -> str:
    rest = len(names) - _MAX_NAMED
    return ", ".join(names[:_MAX_NAMED]) + (f" et {formatting.number(rest)} de plus" if rest > 0 else "")
