"""French texts about allocations. Pure."""

import datetime
import enum
import functools
from collections.abc import Iterable

from core import formatting
from licensing.entitlements.models import Entitlement, EntitlementStatus
from licensing.entitlements.wording import describe_start
from licensing.pools.models import Allocation
from licensing.pools.queries import PoolHolding
from schools.wording import format_school_name

#: Where the licences of a lot are, by the parts of its `PoolPosition`, in the order of a licence's life.
POSITION_WORDS = {
    "free": "Libres",
    "issued": "Non activées",
    "redeemed": "Activées, non utilisées",
    "held": "Utilisées",
}


class SchoolKey(enum.StrEnum):
    """What lists and maps of schools say of a school's key, in the words of `Situation`."""

    NONE = "Sans licence"
    UNDELIVERED = "Clé non remise"
    NOT_REDEEMED = "Clé non activée"
    REDEEMED = "Clé activée"
    SUSPENDED = "Clé suspendue"


@functools.cache
def _format_units(units: int) -> str:
    return formatting.pluralize(units, "licence")


def _agree(participle: str, units: int) -> str:
    return participle if units == 1 else f"{participle}s"


def describe_allocation(units: int, name: str, pool_name: str, recipient: str) -> str:
    """Return the audit summary of a new allocation."""
    return (
        f"{_format_units(units)} {_agree('attribuée', units)} à {format_school_name(name)} "
        f"sur le lot «\u00a0{pool_name}\u00a0»\u00a0; clé pour {recipient}."
    )


def describe_growth(added: int, total: int, name: str, pool_name: str, recipient: str) -> str:
    """Return the audit summary of units added to an allocation."""
    return (
        f"{_format_units(added)} de plus pour {format_school_name(name)} sur le lot «\u00a0{pool_name}\u00a0» "
        f"(désormais {formatting.number(total)}, même clé)\u00a0; e-mail pour {recipient}."
    )


def describe_revocation(allocation: Allocation) -> str:
    """Return the audit summary of a revoked allocation."""
    units, school = allocation.units, format_school_name(allocation.school.name)
    taken, returned = formatting.pluralize(units, "licence reprise", "licences reprises"), _agree("rendue", units)
    return f"{taken} à {school} et {returned} au lot « {allocation.pool.name} »."


def describe_restoration(allocation: Allocation) -> str:
    """Return the audit summary of a revocation that was undone."""
    returned = formatting.pluralize(allocation.units, "licence rendue", "licences rendues")
    school = format_school_name(allocation.school.name)
    return f"Reprise annulée : {returned} à {school} sur le lot « {allocation.pool.name} », avec la même clé."


def describe_reduction(allocation: Allocation, now: int) -> str:
    """Return the audit summary of units taken from an allocation, of which `now` are left."""
    units, school = allocation.units - now, format_school_name(allocation.school.name)
    taken, returned = formatting.pluralize(units, "licence retirée", "licences retirées"), _agree("rendue", units)
    return (
        f"{taken} à {school} et {returned} au lot « {allocation.pool.name} » "
        f"(désormais {formatting.number(now)}, même clé)."
    )


def describe_bulk_allocation(units: int, schools: int, pool_name: str) -> str:
    """Return the audit summary of a bulk allocation."""
    return (
        f"{_format_units(units)} {_agree('attribuée', units)} à {formatting.pluralize(schools, 'établissement')} "
        f"sur le lot «\u00a0{pool_name}\u00a0»."
    )


def describe_pool(name: str, free: int, entitlement: Entitlement, day: datetime.date) -> str:
    """Return a pool's label for choices: « Achat 2026-2027 – 120 licences libres, droits temporaires »."""
    parts = [formatting.pluralize(free, "licence libre", "licences libres"), describe_start(entitlement, day)]
    if entitlement.temporary_until is not None:
        parts.append("droits temporaires")
    return f"{name} – {', '.join(filter(None, parts))}"


def describe_hold(entitlement: Entitlement, day: datetime.date) -> str:
    """Return why the e-mail of a key is held on a day when its pool is suspended."""
    return f"La clé attend {_describe_awaited(entitlement, day)} : ce message partira ensuite de lui-même."


def describe_held_keys(keys: int, pool_name: str, entitlement: Entitlement, day: datetime.date) -> str:
    """Return « 15 clés du lot « … » attendent le règlement de la commande : leurs e-mails partiront ensuite… »."""
    counted = formatting.pluralize(keys, "clé")
    verb, will_leave = (
        ("attend", "son e-mail partira ensuite de lui-même")
        if keys == 1
        else ("attendent", "leurs e-mails partiront ensuite d'eux-mêmes")
    )
    return formatting.add_nonbreaking_spaces(
        f"{counted} du lot « {pool_name} » {verb} {_describe_awaited(entitlement, day)} : {will_leave}."
    )


def _describe_awaited(entitlement: Entitlement, day: datetime.date) -> str:
    """Return what restores a pool that is suspended on that day."""
    if entitlement.status_on(day) is EntitlementStatus.LAPSED:
        return "le bon de commande signé ou le règlement"
    return "le règlement de la commande" if entitlement.temporary_until is not None else "le rétablissement du lot"


def describe_holdings(holdings: Iterable[PoolHolding]) -> str:
    """Return « 3 licences du lot « Dotation 2026 » et 2 licences du lot « Complément » »."""
    return formatting.join_words([f"{_format_units(held.units)} du lot «\u00a0{held.pool}\u00a0»" for held in holdings])
