"""Demands on a pool, and the checks before allocating: each raises an error, or returns the checked value."""

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core import formatting
from core.calendar import PARIS, date_in_paris
from core.contact_details import is_ordinary_address
from core.exceptions import DomainError, Refusal
from licensing.entitlements.models import ActivationKey, Entitlement, EntitlementStatus, SuspensionCause
from licensing.pools.exceptions import (
    AllocationRedeemed,
    AllocationRevoked,
    BadAddress,
    PoolExhausted,
    UnknownAllocation,
)
from licensing.pools.models import Allocation, Pool
from schools.models import School, SchoolState

_UNKNOWN = "Cette attribution n'existe pas dans votre collectivité."


class AllocationActionResult(NamedTuple):
    """Result for one allocation: done unless `refusal` is set."""

    allocation_id: int
    refusal: DomainError | None = None
    #: Whether an e-mail to the school was queued.
    notified: bool = False

    def raise_for_refusal(self) -> None:
        """Raise `refusal`, if any."""
        if self.refusal is not None:
            raise self.refusal


def redeemed_error(at: datetime.datetime, consequence: str) -> AllocationRedeemed:
    """Return the error for a redeemed key; `consequence`: the clause on what cannot be done."""
    return AllocationRedeemed(f"La clé a été activée le {formatting.long_date(date_in_paris(at))} : {consequence}.")


def revoked_error(at: datetime.datetime) -> AllocationRevoked:
    """Return the error for a revoked allocation."""
    return AllocationRevoked(
        f"Cette attribution a été reprise le {formatting.long_date(date_in_paris(at))} : sa clé ne vaut plus rien."
    )


def lock_allocations(allocation_ids: Collection[int]) -> tuple[dict[int, Allocation], list[AllocationActionResult]]:
    """Lock allocations, then their keys; return them by primary key, and results for missing ones.

    Each comes with its locked key. A caller that changes a pool has locked it before.
    """
    allocations = {
        allocation.pk: allocation
        for allocation in Allocation.objects.locked()
        .select_related("pool", "school")
        .prefetch_related("pool__entitlement")
        .filter(pk__in_array=allocation_ids)
    }
    # Locking the keys excludes concurrent redemptions.
    keys = {
        key.pk: key
        for key in ActivationKey.objects.locked().filter(
            pk__in_array=[allocation.key_id for allocation in allocations.values()]
        )
    }
    for allocation in allocations.values():
        allocation.key = keys[allocation.key_id]
    missing = [
        AllocationActionResult(allocation_id, UnknownAllocation(_UNKNOWN))
        for allocation_id in dict.fromkeys(allocation_ids)
        if allocation_id not in allocations
    ]
    return allocations, missing


#: Send time of e-mails scheduled for a day.
_SEND_TIME = datetime.time(8, 0, tzinfo=PARIS)

_MAX_ADDRESS_LENGTH = 254


def lock_pool(pool_id: int) -> Pool:
    """Lock the pool and return it with its entitlement. Raises `Refusal`."""
    pool = Pool.objects.locked().prefetch_related("entitlement__collectivity").filter(pk=pool_id).first()
    if pool is None:
        raise Refusal(
            "unknown_pool", "Ce lot n'existe pas dans votre collectivité : choisissez-le dans la liste de vos lots."
        )
    return pool


def lock_active_allocation(allocation_id: int) -> Allocation:
    """Lock the pool of an allocation, as all do first that change one, then it; return it with its school and pool.

    Raises `UnknownAllocation` or `AllocationRevoked`.
    """
    pool_id = Allocation.objects.filter(pk=allocation_id).values_list("pool_id", flat=True).first()
    if pool_id is None:
        raise UnknownAllocation(_UNKNOWN)
    lock_pool(pool_id)
    allocation = Allocation.objects.locked().select_related("school", "pool").get(pk=allocation_id)
    if allocation.revoked_at is not None:
        raise revoked_error(allocation.revoked_at)
    return allocation


def check_open(entitlement: Entitlement, at: datetime.datetime) -> None:
    """Raise `Refusal` where the entitlement forbids allocating and sending keys."""
    match entitlement.status_on(date_in_paris(at)):
        case EntitlementStatus.SUSPENDED if entitlement.suspension_cause == SuspensionCause.OPERATOR:
            raise Refusal(
                "pool_suspended",
                "Ce lot est suspendu : rien ne peut en être attribué ni envoyé. Il reprendra tel quel dès qu'il sera "
                "rétabli ; écrivez-nous pour en savoir plus.",
            )
        case EntitlementStatus.SUSPENDED:
            raise Refusal(
                "pool_suspended",
                "Ce lot est suspendu dans l'attente de sa commande : rien ne peut en être attribué ni envoyé. "
                "Il reprendra tel quel dès qu'elle sera régularisée.",
            )
        case EntitlementStatus.LAPSED:
            raise Refusal(
                "pool_suspended",
                f"Les droits temporaires de ce lot ont pris fin le {formatting.long_date(entitlement.open_until)},"
                " faute de bon de commande signé : rien ne peut en être attribué ni envoyé. Il reprendra tel quel dès"
                " que le bon de commande sera reçu ou la commande réglée.",
            )
        case EntitlementStatus.CANCELLED:
            raise Refusal("pool_closed", "La commande de ce lot a été annulée : choisissez un autre lot.")
        case EntitlementStatus.ENDED:
            raise Refusal(
                "pool_closed",
                f"Les licences de ce lot n'étaient valables que jusqu'au {formatting.long_date(entitlement.last_day)}"
                " inclus : choisissez un lot de l'année scolaire en cours.",
            )


def clean_address(text: str) -> str:
    """Return the e-mail address without surrounding spaces. Raises `BadAddress`."""
    stripped = text.strip()
    if is_ordinary_address(stripped):
        return stripped
    try:
        validate_email(stripped)
    except ValidationError:
        raise BadAddress(
            f"« {stripped} » n'est pas une adresse e-mail : corrigez-la, rien n'a été envoyé."
            if stripped
            else "Indiquez l'adresse e-mail à laquelle envoyer la clé."
        ) from None
    if len(stripped) > _MAX_ADDRESS_LENGTH:
        raise BadAddress(f"Une adresse e-mail compte {_MAX_ADDRESS_LENGTH} caractères au plus.")
    return stripped


def compute_due_at(
    send_on: datetime.date | None, *, entitlement: Entitlement, at: datetime.datetime
) -> datetime.datetime:
    """Return when to send the e-mails: at once, or at 8:00 in Paris on the given day.

    Raises `Refusal` for a past day, or one after the last day of the licences.
    """
    if send_on is None:
        return at
    if send_on < date_in_paris(at):
        raise Refusal(
            "invalid_send_date",
            f"Le {formatting.long_date(send_on)} est passé : choisissez aujourd'hui ou un jour à venir.",
        )
    if send_on > entitlement.last_day:
        raise Refusal(
            "invalid_send_date",
            f"Les licences de ce lot s'arrêtent le {formatting.long_date(entitlement.last_day)} : choisissez un jour"
            " d'ici là.",
        )
    return max(at, datetime.datetime.combine(send_on, _SEND_TIME))


def is_official_mailbox(recipient: str, mailbox: str) -> bool:
    """Whether an address is the school's official mailbox: a key sent elsewhere verifies nobody."""
    return recipient == mailbox or recipient.strip().casefold() == mailbox.strip().casefold()


class Demand(NamedTuple):
    """Units for one school. With `total`, `units` is the resulting total instead of an addition.

    `asked`: how many its school had asked for, where this answers it; `is_moved`: whether a rebalancing gives them. The
    letter says so.
    """

    uai: str
    units: int
    recipient: str
    total: bool = False
    asked: int = 0
    is_moved: bool = False


class TargetSchool(NamedTuple):
    """A school to allocate to: its columns in the directory."""

    uai: str
    name: str
    mailbox: str
    state: str


class ExistingAllocation(NamedTuple):
    """The allocation that a school already has from the pool."""

    allocation_id: int
    key_id: int
    units: int
    recipient: str


class CheckedDemand(NamedTuple):
    """A checked demand: units to add to the school's allocation, or to a new one."""

    demand: Demand
    school: TargetSchool
    added: int
    existing: ExistingAllocation | None

    @property
    def exposes_key(self) -> bool:
        """Whether somebody besides the school's official mailbox will know the key."""
        return not is_official_mailbox(self.demand.recipient, self.school.mailbox)


@dataclass(frozen=True, slots=True)
class AllocationOutcome:
    """Result of applying demands: the allocation of each school, and totals."""

    #: Primary keys by UAI, including schools that had their total already.
    allocations: dict[str, int]
    units: int
    created: int
    grown: int
    unchanged: int


class AllocationStage(StrEnum):
    """Stages of a bulk operation, in order."""

    CHECKING = "checking"
    TAKING_BACK = "taking_back"
    KEYS = "keys"
    ALLOCATIONS = "allocations"
    JOURNAL = "journal"
    MESSAGES = "messages"
    COMMITTING = "committing"


class ProgressCallback(Protocol):
    """Called before each stage. Its exceptions roll the operation back."""

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Report that `stage` begins, and that `done` of `total` schools have passed the previous one."""


def no_progress(_stage: str, _done: int, _total: int, /) -> None:
    """Ignore progress."""


# Check demands on a pool: each becomes a checked demand or an error.
#
# Pure but for `get_target_schools` and `lock_existing_allocations`, which query and lock. The caller has locked the
# pool.

#: Number of schools that an error message names; the others are counted.
_MAX_NAMED = 5
_CLOSED = SchoolState.CLOSED.value

#: Message by error code, formatted with the `name`s of the rejected demands. In order of precedence.
_SENTENCES = {
    "invalid_units": "{} : indiquez un nombre entier de licences, au moins 1.",
    # The name is the full message.
    "invalid_recipient": "{}",
    "duplicate_school": "Un établissement n'est servi qu'une fois d'un même geste : {}.",
    "unknown_school": "Aucun établissement de l'annuaire ne porte cet UAI : {}.",
    "school_closed": "Fermé d'après l'annuaire, donc rien n'y est attribué : {}.",
    "recipient_missing": "Ni contact dans votre périmètre, ni adresse officielle dans l'annuaire : indiquez l'adresse "
    "e-mail à laquelle envoyer la clé : {}.",
    "would_reduce": "Une attribution ne se réduit pas de cette manière, il faut la réduire ou la reprendre d'abord : "
    "{}.",
}


class RejectedDemand(NamedTuple):
    """A rejected demand: the error code, and the school's name in the message."""

    code: str
    name: str

    def refusal(self) -> DomainError:
        """Return the error for this demand alone."""
        return Refusal(self.code, _SENTENCES[self.code].format(self.name))


def build_error(rejected: Collection[RejectedDemand]) -> DomainError:
    """Return one error for all: the first error code by precedence, with the schools concerned."""
    code = min((demand.code for demand in rejected), key=list(_SENTENCES).index)
    names = [demand.name for demand in rejected if demand.code == code]
    text = names[0] if code == "invalid_recipient" else _join_names(names)
    return Refusal(code, _SENTENCES[code].format(text))


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
            yield RejectedDemand("invalid_units", uai)
        elif uai in checked_uais:
            yield RejectedDemand("duplicate_school", uai)
        elif school is None:
            yield RejectedDemand("unknown_school", uai)
        elif school.state == _CLOSED:
            yield RejectedDemand("school_closed", f"{school.name} ({uai})")
        elif error := _check_recipient(recipient):
            if recipients_looked_up and not recipient:
                yield RejectedDemand("recipient_missing", f"{school.name} ({uai})")
            else:
                yield RejectedDemand("invalid_recipient", error)
        else:
            existing = existing_allocations.get(uai)
            had = existing.units if existing is not None else 0
            added = units - had if total else units
            yield (
                CheckedDemand(demand, school, added, existing)
                if added >= 0
                else RejectedDemand("would_reduce", f"{uai} (en a {had})")
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
        address = clean_address(recipient)
    except BadAddress as refusal:
        return str(refusal)
    return "" if address == recipient else f"« {recipient} » : retirez les espaces qui entourent l'adresse."


def _join_names(names: Sequence[str]) -> str:
    rest = len(names) - _MAX_NAMED
    return ", ".join(names[:_MAX_NAMED]) + (f" et {formatting.number(rest)} de plus" if rest > 0 else "")
