"""What each demand on a pool comes to: so many licences more, or a refusal of its own; and the refusal of several.

Pure but for `targets` and `held_of`, which read and lock; the caller holds the pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from licensing.pools import checks
from licensing.pools.exceptions import (
    BadAddress,
    BadUnits,
    NoAddress,
    PoolExhausted,
    SchoolClosed,
    SchoolTwice,
    UnknownSchool,
    WouldShrink,
)
from licensing.pools.models import Allocation
from licensing.pools.operations.giving import Demand, Held, Step, Target
from schools.models import School, SchoolState
from web import arrays, typography

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from licensing.exceptions import Refused
    from licensing.pools.models import Pool

#: How many schools a refusal names before it only counts the others.
NAMED = 5
_CLOSED = SchoolState.CLOSED.value

#: What is said of schools that are refused for the same reason; each takes what `Wrong` calls them.
_SENTENCES: dict[type[Refused], str] = {
    BadUnits: "{} : indiquez un nombre entier de licences, au moins 1.",
    # Of addresses, each says its own.
    BadAddress: "{}",
    SchoolTwice: "Un établissement n'est servi qu'une fois d'un même geste : {}.",
    UnknownSchool: "Aucun établissement de l'annuaire ne porte cet UAI : {}.",
    SchoolClosed: "Fermé d'après l'annuaire, donc rien n'y est attribué : {}.",
    NoAddress: "Ni contact dans votre périmètre, ni adresse officielle dans l'annuaire : indiquez l'adresse e-mail à "
    "laquelle envoyer la clé : {}.",
    WouldShrink: "Une attribution ne se réduit pas de cette manière, il faut la réduire ou la reprendre d'abord : {}.",
}


class Wrong(NamedTuple):
    """Why a demand cannot be carried out, and what a sentence calls its school."""

    kind: type[Refused]
    name: str

    def refusal(self) -> Refused:
        """Return what is said of this one alone."""
        return self.kind(_SENTENCES[self.kind].format(self.name))


def refusal_of(wrong: Collection[Wrong]) -> Refused:
    """Return what is said of all together: the first of the reasons, with the schools it is true of."""
    kind = min((one.kind for one in wrong), key=list(_SENTENCES).index)
    names = [one.name for one in wrong if one.kind is kind]
    said = names[0] if kind is BadAddress else _list(names)
    return kind(_SENTENCES[kind].format(said))


def judged(
    demands: Sequence[Demand], schools: Mapping[str, Target], held: Mapping[str, Held], *, looked_up: bool = False
) -> Iterator[Step | Wrong]:
    """Yield of each demand, in order, what it adds to what its school has, or why it cannot be carried out.

    A school is served once: whatever became of the first demand for it, the next is refused. `looked_up`: an address
    that is missing was looked for in the remit and in the directory.
    """
    seen: set[str] = set()
    for demand in demands:
        uai, units, recipient, total = demand
        school = schools.get(uai)
        if units < 1:
            yield Wrong(BadUnits, uai)
        elif uai in seen:
            yield Wrong(SchoolTwice, uai)
        elif school is None:
            yield Wrong(UnknownSchool, uai)
        elif school.state == _CLOSED:
            yield Wrong(SchoolClosed, f"{school.name} ({uai})")
        elif fault := _fault_of(recipient):
            nowhere = looked_up and not recipient
            yield Wrong(NoAddress, f"{school.name} ({uai})") if nowhere else Wrong(BadAddress, fault)
        else:
            existing = held.get(uai)
            had = existing.units if existing is not None else 0
            added = units - had if total else units
            yield Step(demand, school, added, existing) if added >= 0 else Wrong(WouldShrink, f"{uai} (en a {had})")
        seen.add(uai)


def targets(uais: Collection[str], known: Sequence[Target] = ()) -> dict[str, Target]:
    """Return those of the schools that the directory has, by UAI; `known` are not read again."""
    found = {school.uai: school for school in known}
    if unread := [uai for uai in uais if uai not in found]:
        read = School.objects.filter(arrays.text_in("uai", unread)).values_list("uai", "name", "email", "state")
        found |= {row[0]: Target(*row) for row in read}
    return found


def held_of(pool: Pool, uais: Collection[str]) -> dict[str, Held]:
    """Lock what the schools already have from the pool, and return it by UAI."""
    locked = Allocation.objects.active().locked().filter(arrays.text_in("school_id", uais), pool=pool)
    return {uai: Held(*rest) for uai, *rest in locked.values_list("school_id", "pk", "key_id", "units")}


def exhausted(pool: Pool, free: int, units: int, so: str) -> PoolExhausted:
    """Return the refusal of `units` where only `free` are left; `so` says what therefore was not done."""
    left = typography.plural(free, "licence libre", "licences libres") if free else "plus aucune licence"
    return PoolExhausted(
        f"Le lot « {pool.name} » n'a {'plus que ' if free else ''}{left} ; "
        f"il en faudrait {typography.number(units)}. {so}"
    )


def _fault_of(recipient: str) -> str:
    try:
        written = checks.address(recipient)
    except BadAddress as refusal:
        return str(refusal)
    return "" if written == recipient else f"« {recipient} » : retirez les espaces qui entourent l'adresse."


def _list(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" et {typography.number(rest)} de plus" if rest > 0 else "")
