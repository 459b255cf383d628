"""Operations on licences that come back: a school gives some, or answers a request; a collectivity asks, or withdraws.

Lock order: pool → allocation → key → return request → subscription → seat.
"""

import datetime
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from django.db import models, transaction
from django.db.models import Max
from django_tenants.utils import tenant_context

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import DomainError, Refusal
from licensing.entitlements import key_checks, seat_holders
from licensing.entitlements.models import Subscription
from licensing.entitlements.office_keys import find_redeemed
from licensing.entitlements.queries import may_see_teachers_of
from licensing.pools import checks, restorations
from licensing.pools.checks import AllocationActionResult, lock_allocations, revoked_error
from licensing.pools.exceptions import PoolExhausted
from licensing.pools.filters import build_asking_condition
from licensing.pools.journal import record_allocations
from licensing.pools.models import ALLOCATION_TOPIC, DORMANT_FOR, Allocation
from licensing.pools.queries import get_allocation_of_key
from licensing.requests.returns import emails
from licensing.requests.returns.models import ANSWER_PERIOD, MIN_PAUSE, LicenceReturn, ReturnOutcome, ReturnRequest
from licensing.requests.returns.queries import count_unused, select_requests
from licensing.requests.returns.wording import (
    summarise_answer,
    summarise_demand,
    summarise_return,
    summarise_undone_return,
    summarise_withdrawal,
)
from mailing.operations import cancel_in_portal
from tenants.models import Collectivity
from webhooks import operations as webhooks
from webhooks.operations import NewEvent


class UnknownReturnRequest(DomainError):
    """The collectivity has no request with this number."""

    code = "unknown_return_request"


class ReturnEvent(models.TextChoices):
    REQUESTED = "return.requested", "Licences demandées à une école"
    ANSWERED = "return.answered", "Réponse d'une école"


def build_event(request: ReturnRequest, allocation: Allocation) -> NewEvent:
    """Return the event of a request: that a school may answer it, or, of one that ended, how."""
    data: dict[str, Any] = {
        "request": request.pk,
        "allocation": allocation.pk,
        "pool": allocation.pool_id,
        "uai": allocation.school_id,
        "units": request.units,
    }
    kind = ReturnEvent.REQUESTED
    if request.outcome:
        kind = ReturnEvent.ANSWERED
        data |= {"outcome": str(request.outcome), "returned": request.returned_units}
    return NewEvent(kind, f"{ALLOCATION_TOPIC}:{allocation.pk}", data)


# What a verified principal does on the portal: give licences back, undo it for an hour, keep what was asked for.
#
# One transaction, in the schema of the collectivity that gave them.


class ReturnResult(NamedTuple):
    """What a school gave back, and what it has left of the key."""

    licence_return: LicenceReturn
    left: int
    giver: str


def check_may_give_back(subscription_id: int, by: User) -> tuple[Subscription, Collectivity]:
    """Return the subscription, and the collectivity that gave it.

    Raises `SubscriptionNotAdministered`, `Refusal`.
    """
    subscription = seat_holders.get_administered_subscription(subscription_id, by)
    if not may_see_teachers_of(by, subscription):
        raise Refusal(
            "not_verified",
            "Votre direction de l'établissement n'est pas encore vérifiée : faites-la vérifier dans « Mon compte », "
            "puis rendez ces licences.",
        )
    collectivity = subscription.key.entitlement.collectivity
    if collectivity is None:
        raise Refusal("not_given", "Ces licences ont été achetées en boutique : aucune collectivité ne les a données.")
    return subscription, collectivity


@transaction.atomic
def give_back(*, subscription_id: int, units: int, by: User, at: datetime.datetime, comment: str = "") -> ReturnResult:
    """Give unused licences of a subscription back to the collectivity; they are free in its lot at once.

    Answers the collectivity's request, where one is open, with `comment`. Raises a `DomainError`, having changed
    nothing: what `check_may_give_back` raises, `LicencesInUse`, `key_suspended`, `key_expired`, and refuses a number
    below 1 (`invalid_units`).
    """
    subscription, collectivity = check_may_give_back(subscription_id, by)
    if units < 1:
        raise Refusal("invalid_units", "Indiquez un nombre entier de licences, au moins 1 : rien n'a été rendu.")
    with tenant_context(collectivity):
        found = restorations.lock_allocation_of_key(subscription.key_id)
        key_checks.check_available(found.pool.entitlement, by, at)
        request = ReturnRequest.objects.open_at(at).locked().filter(key=found.key).first()
        school, pool = found.allocation.school.name, found.pool.name
        left = restorations.take_units_back(
            found, units=units, at=at, summarise=lambda left: summarise_return(units, left, school, pool)
        )
        if request is not None:
            returned = min(units, request.units)
            request.end(ReturnOutcome.ACCEPTED, at, answered_by=by, returned_units=returned, comment=comment)
            webhooks.emit(events=[build_event(request, found.allocation)], at=at)
        made = LicenceReturn.objects.create(key=found.key, units=units, returned_at=at, returned_by=by, request=request)
    return ReturnResult(made, left, collectivity.name)


@transaction.atomic
def undo_return(*, return_id: int, by: User, at: datetime.datetime) -> ReturnResult:
    """Undo a return of the last hour: the same key has its licences again, if the lot still has them.

    The request that it answered is open again. Raises `Refusal`, what `check_may_give_back` raises,
    `key_suspended` or `key_expired`, having changed nothing. Idempotent.
    """
    key_id = LicenceReturn.objects.filter(pk=return_id).values_list("key__subscription", flat=True).first()
    subscription, collectivity = check_may_give_back(key_id or 0, by)
    with tenant_context(collectivity):
        found = restorations.lock_allocation_of_key(subscription.key_id)
        key_checks.check_available(found.pool.entitlement, by, at)
        made = LicenceReturn.objects.locked().get(pk=return_id)
        if made.undone_at is not None:
            return ReturnResult(made, found.allocation.units, collectivity.name)
        if at >= made.undoable_until:
            raise Refusal(
                "return_not_undoable",
                "Il est trop tard pour annuler : des licences rendues le restent après une heure.",
            )
        school, pool = found.allocation.school.name, found.pool.name
        try:
            total = restorations.give_units_again(
                found,
                units=made.units,
                at=at,
                summarise=lambda total: summarise_undone_return(made.units, total, school, pool),
            )
        except PoolExhausted:
            raise Refusal(
                "return_not_undoable",
                "La collectivité a déjà donné ces licences à d'autres écoles : elles ne peuvent plus vous revenir.",
            ) from None
        made.undone_at = at
        made.save(update_fields=["undone_at"])
        if made.request_id is not None:
            _reopen(made.request_id, found.allocation, at)
    return ReturnResult(made, total, collectivity.name)


@transaction.atomic
def keep(*, request_id: int, by: User, at: datetime.datetime, comment: str = "") -> ReturnRequest:
    """Answer a collectivity's request: the school keeps its licences, with a sentence if it wishes.

    Raises `Refusal`, and what `check_may_give_back` raises, having changed nothing.
    """
    subscription_id = ReturnRequest.objects.filter(pk=request_id).values_list("key__subscription", flat=True).first()
    _, collectivity = check_may_give_back(subscription_id or 0, by)
    with tenant_context(collectivity):
        request = ReturnRequest.objects.locked().get(pk=request_id)
        if request.outcome or at >= request.expires_at:
            raise Refusal(
                "return_request_ended",
                "Cette demande n'attend plus de réponse : rien ne change, vos licences restent à vous.",
            )
        allocation = get_allocation_of_key(request.key_id)
        request.end(ReturnOutcome.DECLINED, at, answered_by=by, comment=comment)
        summary = summarise_answer(request, allocation.school.name)
        record_allocations("pools.return_declined", [(allocation, summary)], by=None, at=at)
        webhooks.emit(events=[build_event(request, allocation)], at=at)
    return request


def _reopen(request_id: int, allocation: Allocation, at: datetime.datetime) -> None:
    """Have a request wait for an answer again; where the school was asked anew meanwhile, it kept its licences."""
    request = ReturnRequest.objects.locked().get(pk=request_id)
    if ReturnRequest.objects.pending().filter(key=request.key_id).exists():
        request.end(ReturnOutcome.DECLINED, request.answered_at or at, returned_units=0, comment="")
    else:
        request.reopen(answered_by=None, returned_units=0, comment="")
    webhooks.emit(events=[build_event(request, allocation)], at=at)


class AskingFacts(NamedTuple):
    """What decides whether the schools of some allocations may be asked."""

    #: Unused licences, by key.
    unused: dict[int, int]
    #: The request that did not end, and when somebody last asked, by key.
    unanswered: dict[int, ReturnRequest]
    asked_at: dict[int, datetime.datetime]
    #: The allocations that are dormant, or None where those that are not may be asked too.
    dormant: set[int] | None
    #: Schools that ask for more and must not be asked.
    for_more: Collection[str]


def ask(
    *, allocation_id: int, by: User | None, at: datetime.datetime, units: int | None = None, again: bool = False
) -> ReturnRequest:
    """Ask a school for unused licences of an allocation; return the request.

    `units`: how many, None for all that are unused. `again`: even if it was asked less than `MIN_PAUSE` ago. Raises a
    `DomainError`, having changed nothing.
    """
    [result] = ask_many(allocation_ids=[allocation_id], by=by, at=at, units=units, again=again)
    result.raise_for_refusal()
    key_id = Allocation.objects.values_list("key_id", flat=True).get(pk=allocation_id)
    return ReturnRequest.objects.pending().get(key=key_id)


@transaction.atomic
def ask_many(
    *,
    allocation_ids: Sequence[int],
    by: User | None,
    at: datetime.datetime,
    units: int | None = None,
    again: bool = False,
    dormant_only: bool = False,
) -> list[AllocationActionResult]:
    """Ask the schools of these allocations for what is unused, in one transaction; return a result for each.

    `units`: how many of each, None for all. `again`: even schools that were asked less than `MIN_PAUSE` ago.
    `dormant_only`: no school that has its licences lately, or asks for more and waits.
    """
    # The keys' locks exclude a second request, and a return in between.
    allocations, results = lock_allocations(allocation_ids)
    facts = read_facts(allocations.values(), at, dormant_only=dormant_only, lock=True)
    asking: list[tuple[Allocation, int]] = []
    for allocation in allocations.values():
        try:
            check_asking(allocation, facts, at, units=units, again=again)
        except DomainError as refusal:
            results.append(AllocationActionResult(allocation.pk, refusal))
        else:
            asking.append((allocation, units or facts.unused[allocation.key_id]))
    if asking:
        _apply(asking, facts, by=by, at=at)
    return results + [AllocationActionResult(allocation.pk, notified=True) for allocation, _ in asking]


def read_facts(
    allocations: Collection[Allocation], at: datetime.datetime, *, dormant_only: bool, lock: bool
) -> AskingFacts:
    """Return what `check_asking` needs; `lock`: lock the requests that did not end. Three queries, more of dormant."""
    key_ids = [allocation.key_id for allocation in allocations]
    requests = ReturnRequest.objects.filter(key__in=key_ids)
    pending = requests.pending().locked() if lock else requests.pending()
    asked = requests.exclude(outcome=ReturnOutcome.WITHDRAWN).order_by().values_list("key").annotate(Max("asked_at"))
    dormant: set[int] | None = None
    for_more: Collection[str] = ()
    if dormant_only:
        given = Allocation.objects.filter(pk__in_array=[allocation.pk for allocation in allocations])
        # The key itself says whether it was redeemed a moment ago.
        awake = find_redeemed(key_ids, after=at - DORMANT_FOR)
        dormant = set(given.dormant(at).exclude(key__in_array=awake).values_list("pk", flat=True))
        for_more = set(given.filter(build_asking_condition()).values_list("school_id", flat=True))
    return AskingFacts(
        count_unused(key_ids),
        {one.key_id: one for one in pending},
        dict(asked),
        dormant,
        for_more,
    )


def check_asking(
    allocation: Allocation,
    facts: AskingFacts,
    at: datetime.datetime,
    *,
    units: int | None = None,
    again: bool = False,
) -> None:
    """Raise a `DomainError` where the school may not be asked for this many licences, None for all unused."""
    unused = facts.unused.get(allocation.key_id, 0)
    if allocation.revoked_at is not None:
        raise revoked_error(allocation.revoked_at)
    if allocation.key.redeemed_at is None:
        raise Refusal(
            "not_redeemed",
            "La clé n'est pas activée : ses licences se réduisent ou se reprennent, il n'y a rien à demander.",
        )
    checks.check_open(allocation.pool.entitlement, at)
    waiting = facts.unanswered.get(allocation.key_id)
    if waiting is not None and at < waiting.expires_at:
        until = formatting.long_date(date_in_paris(waiting.expires_at))
        raise Refusal("return_already_requested", f"Une demande attend déjà la réponse de l'école, jusqu'au {until}.")
    if not unused:
        raise Refusal("nothing_unused", "Toutes ses licences sont utilisées, réservées, ou gardent une classe.")
    if units is not None and units > unused:
        raise Refusal(
            "more_than_unused",
            f"{formatting.pluralize(unused, 'licence')} seulement ne {'servent' if unused > 1 else 'sert'} pas.",
        )
    asked_at = facts.asked_at.get(allocation.key_id)
    if asked_at is not None and at < asked_at + MIN_PAUSE and not again:
        raise Refusal(
            "return_requested_lately",
            f"L'école a déjà été sollicitée le {formatting.long_date(date_in_paris(asked_at))} : au plus une demande "
            f"en {MIN_PAUSE.days} jours.",
        )
    if allocation.school_id in facts.for_more:
        raise Refusal("school_asks_for_more", "L'école demande des licences et attend votre réponse.")
    if facts.dormant is not None and allocation.pk not in facts.dormant:
        raise Refusal(
            "given_lately",
            f"L'école a ces licences, ou sa clé activée, depuis moins de {DORMANT_FOR.days} jours : laissez-lui le "
            "temps de s'en servir.",
        )


def _apply(
    asking: Sequence[tuple[Allocation, int]], facts: AskingFacts, *, by: User | None, at: datetime.datetime
) -> None:
    lapsed = [facts.unanswered[allocation.key_id] for allocation, _ in asking if allocation.key_id in facts.unanswered]
    for one in lapsed:
        one.outcome, one.answered_at = ReturnOutcome.EXPIRED, one.expires_at
    ReturnRequest.objects.bulk_update(lapsed, ["outcome", "answered_at"])
    requests = ReturnRequest.objects.bulk_create(
        ReturnRequest(
            key=allocation.key,
            collectivity=allocation.pool.entitlement.collectivity,
            units=units,
            asked_at=at,
            asked_by=by,
            expires_at=at + ANSWER_PERIOD,
        )
        for allocation, units in asking
    )
    pairs = [(request, allocation) for request, (allocation, _) in zip(requests, asking, strict=True)]
    record_allocations(
        "pools.return_requested",
        [
            (allocation, summarise_demand(request, allocation.school.name, allocation.pool.name))
            for request, allocation in pairs
        ],
        by=by,
        at=at,
    )
    emails.notify_principals(requests, at)
    webhooks.emit(events=[build_event(request, allocation) for request, allocation in pairs], at=at)


@transaction.atomic
def withdraw(*, request_id: int, by: User | None, at: datetime.datetime) -> ReturnRequest:
    """Withdraw a request of the current collectivity that nobody answered; an e-mail that waits does not leave.

    Raises `UnknownReturnRequest` or `Refusal`, having changed nothing. Idempotent.
    """
    unknown = UnknownReturnRequest("Cette demande n'existe pas dans votre collectivité.")
    request = select_requests().lock_one(request_id, unknown)
    ended = Refusal("return_request_ended", "L'école a déjà répondu : il n'y a plus rien à retirer.")
    if not request.withdraw(at, ended=ended, answered_by=by):
        return request
    allocation = get_allocation_of_key(request.key_id)
    summary = summarise_withdrawal(request, allocation.school.name)
    record_allocations("pools.return_request_withdrawn", [(allocation, summary)], by=by, at=at)
    cancel_in_portal(emails.REQUEST_TOPIC, [request.pk], at)
    webhooks.emit(events=[build_event(request, allocation)], at=at)
    return request
