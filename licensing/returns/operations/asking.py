"""What a manager, or a program, does: ask schools for licences that nobody uses, and withdraw a request."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import Max

from accounts.models import User
from collectivities import audit_log
from core import formatting
from core.calendar import date_in_paris
from licensing.exceptions import LicensingError
from licensing.pools import checks
from licensing.pools.asking_schools import find_asking
from licensing.pools.models import DORMANT_FOR, Allocation
from licensing.pools.operations.results import AllocationActionResult, lock_allocations, revoked_error
from licensing.pools.queries import get_allocation_of_key
from licensing.returns import events, notifications
from licensing.returns.exceptions import (
    AlreadyAsked,
    AskedLately,
    AsksForMore,
    GivenLately,
    KeyNotRedeemed,
    NothingUnused,
    RequestEnded,
    TooManyAsked,
    UnknownReturnRequest,
)
from licensing.returns.models import ANSWER_PERIOD, MIN_PAUSE, ReturnOutcome, ReturnRequest
from licensing.returns.queries import count_unused, select_requests
from licensing.returns.wording import summarise_demand, summarise_withdrawal
from webhooks import operations as webhooks


class _KeyHistory(NamedTuple):
    """What was asked of a key's school before."""

    unanswered: dict[int, ReturnRequest]
    asked_at: dict[int, datetime.datetime]


def ask(
    *, allocation_id: int, by: User | None, at: datetime.datetime, units: int | None = None, again: bool = False
) -> ReturnRequest:
    """Ask a school for unused licences of an allocation; return the request.

    `units`: how many, None for all that are unused. `again`: even if it was asked less than `MIN_PAUSE` ago. Raises a
    `LicensingError`, having changed nothing.
    """
    [result] = _ask(allocation_ids=[allocation_id], by=by, at=at, units=units, again=again)
    result.raise_for_refusal()
    key_id = Allocation.objects.values_list("key_id", flat=True).get(pk=allocation_id)
    return ReturnRequest.objects.unanswered().get(key=key_id)


def ask_many(*, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime) -> list[AllocationActionResult]:
    """Ask the schools of these allocations for all that is unused, in one transaction; return a result for each."""
    return _ask(allocation_ids=allocation_ids, by=by, at=at, units=None, again=False)


def ask_dormant(
    *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime
) -> list[AllocationActionResult]:
    """Ask as `ask_many` does, but no school that has its licences lately, or asks for more and waits."""
    return _ask(allocation_ids=allocation_ids, by=by, at=at, units=None, again=False, dormant_only=True)


def ask_many_again(
    *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime
) -> list[AllocationActionResult]:
    """Ask as `ask_many` does, even schools that were asked less than `MIN_PAUSE` ago."""
    return _ask(allocation_ids=allocation_ids, by=by, at=at, units=None, again=True)


@transaction.atomic
def _ask(
    *,
    allocation_ids: Sequence[int],
    by: User | None,
    at: datetime.datetime,
    units: int | None,
    again: bool,
    dormant_only: bool = False,
) -> list[AllocationActionResult]:
    # The keys' locks exclude a second request, and a return in between.
    allocations, results = lock_allocations(allocation_ids)
    key_ids = [allocation.key_id for allocation in allocations.values()]
    history, unused = _read_history(key_ids), count_unused(key_ids)
    check_dormant = _build_dormant_check(list(allocations), at) if dormant_only else None
    asking: list[tuple[Allocation, int]] = []
    for allocation in allocations.values():
        free = unused.get(allocation.key_id, 0)
        try:
            _check(allocation, history, at, unused=free, units=units, again=again)
            if check_dormant is not None:
                check_dormant(allocation)
        except LicensingError as refusal:
            results.append(AllocationActionResult(allocation.pk, refusal))
        else:
            asking.append((allocation, units or free))
    if asking:
        _apply(asking, history, by=by, at=at)
    return results + [AllocationActionResult(allocation.pk, notified=True) for allocation, _ in asking]


def _build_dormant_check(allocation_ids: Collection[int], at: datetime.datetime) -> Callable[[Allocation], None]:
    """Return what raises `AsksForMore` or `GivenLately` for an allocation of these. Two queries."""
    for_more = find_asking()
    dormant = set(Allocation.objects.filter(pk__in=allocation_ids).dormant(at).values_list("pk", flat=True))

    def check(allocation: Allocation) -> None:
        if allocation.school_id in for_more:
            raise AsksForMore("L'école demande des licences et attend votre réponse.")
        if allocation.pk not in dormant:
            raise GivenLately(
                f"L'école a ces licences, ou sa clé activée, depuis moins de {DORMANT_FOR.days} jours : laissez-lui le "
                "temps de s'en servir."
            )

    return check


def _read_history(key_ids: Collection[int]) -> _KeyHistory:
    requests = ReturnRequest.objects.filter(key__in=key_ids)
    asked = requests.exclude(outcome=ReturnOutcome.WITHDRAWN).order_by().values_list("key").annotate(Max("asked_at"))
    return _KeyHistory({one.key_id: one for one in requests.unanswered().locked()}, dict(asked))


def _check(
    allocation: Allocation,
    history: _KeyHistory,
    at: datetime.datetime,
    *,
    unused: int,
    units: int | None,
    again: bool,
) -> None:
    if allocation.revoked_at is not None:
        raise revoked_error(allocation.revoked_at)
    if allocation.key.redeemed_at is None:
        raise KeyNotRedeemed(
            "La clé n'est pas activée : ses licences se réduisent ou se reprennent, il n'y a rien à demander."
        )
    checks.check_open(allocation.pool.entitlement, at)
    waiting = history.unanswered.get(allocation.key_id)
    if waiting is not None and at < waiting.expires_at:
        until = formatting.long_date(date_in_paris(waiting.expires_at))
        raise AlreadyAsked(f"Une demande attend déjà la réponse de l'école, jusqu'au {until}.")
    if not unused:
        raise NothingUnused("Toutes ses licences sont utilisées, réservées, ou gardent une classe.")
    if units is not None and units > unused:
        raise TooManyAsked(
            f"{formatting.pluralize(unused, 'licence')} seulement ne {'servent' if unused > 1 else 'sert'} pas."
        )
    asked_at = history.asked_at.get(allocation.key_id)
    if asked_at is not None and at < asked_at + MIN_PAUSE and not again:
        raise AskedLately(
            f"L'école a déjà été sollicitée le {formatting.long_date(date_in_paris(asked_at))} : au plus une demande "
            f"en {MIN_PAUSE.days} jours."
        )


def _apply(
    asking: Sequence[tuple[Allocation, int]], history: _KeyHistory, *, by: User | None, at: datetime.datetime
) -> None:
    lapsed = [
        history.unanswered[allocation.key_id] for allocation, _ in asking if allocation.key_id in history.unanswered
    ]
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
    audit_log.record_many(
        [
            audit_log.NewAuditEntry(
                "pools.return_requested",
                summarise_demand(request, allocation.school.name, allocation.pool.name),
                allocation.school_id,
                "allocation",
                allocation.pk,
            )
            for request, allocation in pairs
        ],
        by=by,
        at=at,
    )
    notifications.notify_principals(requests, at)
    webhooks.emit(events=[events.build_requested_event(request, allocation) for request, allocation in pairs], at=at)


@transaction.atomic
def withdraw(*, request_id: int, by: User | None, at: datetime.datetime) -> ReturnRequest:
    """Withdraw a request of the current collectivity that nobody answered; an e-mail that waits does not leave.

    Raises `UnknownReturnRequest` or `RequestEnded`, having changed nothing. Idempotent.
    """
    request = select_requests().filter(pk=request_id).locked().first()
    if request is None:
        raise UnknownReturnRequest("Cette demande n'existe pas dans votre collectivité.")
    if request.outcome == ReturnOutcome.WITHDRAWN:
        return request
    if request.outcome:
        raise RequestEnded("L'école a déjà répondu : il n'y a plus rien à retirer.")
    request.outcome, request.answered_at, request.answered_by = ReturnOutcome.WITHDRAWN, at, by
    request.save(update_fields=["outcome", "answered_at", "answered_by"])
    allocation = get_allocation_of_key(request.key_id)
    audit_log.record(
        action="pools.return_request_withdrawn",
        by=by,
        at=at,
        summary=summarise_withdrawal(request, allocation.school.name),
        school_id=allocation.school_id,
        object_type="allocation",
        object_id=allocation.pk,
    )
    notifications.cancel_emails(request, at)
    webhooks.emit(events=[events.build_answered_event(request, allocation)], at=at)
    return request
