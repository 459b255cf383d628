"""What a verified principal does on the portal: give licences back, undo it for an hour, keep what was asked for.

One transaction, in the schema of the collectivity that gave them.
"""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.db import transaction
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities import audit_log
from licensing.entitlements import key_checks, seat_holders
from licensing.entitlements.exceptions import PrincipalNotVerified
from licensing.entitlements.models import Subscription
from licensing.entitlements.queries import may_see_teachers_of
from licensing.pools import operations as pools
from licensing.pools.exceptions import BadUnits, PoolExhausted
from licensing.pools.models import Allocation
from licensing.pools.queries import get_allocation_of_key
from licensing.returns import events
from licensing.returns.exceptions import NotGivenByCollectivity, RequestEnded, ReturnNotUndoable
from licensing.returns.models import LicenceReturn, ReturnOutcome, ReturnRequest
from licensing.returns.wording import summarise_answer, summarise_return, summarise_undone_return
from tenants.models import Collectivity
from webhooks import operations as webhooks


class GivenBack(NamedTuple):
    """What a school gave back, and what it has left of the key."""

    licence_return: LicenceReturn
    left: int
    giver: str


def check_may_give_back(subscription_id: int, by: User) -> tuple[Subscription, Collectivity]:
    """Return the subscription, and the collectivity that gave it.

    Raises `SubscriptionNotAdministered`, `PrincipalNotVerified` or `NotGivenByCollectivity`.
    """
    subscription = seat_holders.get_administered_subscription(subscription_id, by)
    if not may_see_teachers_of(by, subscription):
        raise PrincipalNotVerified(
            "Votre direction de l'établissement n'est pas encore vérifiée : faites-la vérifier dans « Mon compte », "
            "puis rendez ces licences."
        )
    collectivity = subscription.key.entitlement.collectivity
    if collectivity is None:
        raise NotGivenByCollectivity(
            "Ces licences ont été achetées en boutique : aucune collectivité ne les a données."
        )
    return subscription, collectivity


@transaction.atomic
def give_back(*, subscription_id: int, units: int, by: User, at: datetime.datetime, comment: str = "") -> GivenBack:
    """Give unused licences of a subscription back to the collectivity; they are free in its lot at once.

    Answers the collectivity's request, where one is open, with `comment`. Raises a `LicensingError`, having changed
    nothing: what `check_may_give_back` raises, `LicencesInUse`, `BadUnits`, `KeySuspended`, `KeyExpired`.
    """
    subscription, collectivity = check_may_give_back(subscription_id, by)
    if units < 1:
        raise BadUnits("Indiquez un nombre entier de licences, au moins 1 : rien n'a été rendu.")
    with tenant_context(collectivity):
        found = pools.lock_allocation_of_key(subscription.key_id)
        key_checks.check_available(found.pool.entitlement, by, at)
        request = ReturnRequest.objects.open_at(at).locked().filter(key=found.key).first()
        school, pool = found.allocation.school.name, found.pool.name
        left = pools.take_units_back(
            found, units=units, at=at, summarise=lambda left: summarise_return(units, left, school, pool)
        )
        if request is not None:
            _end(request, ReturnOutcome.ACCEPTED, by=by, at=at, units=min(units, request.units), comment=comment)
            _tell(request, found.allocation, at)
        made = LicenceReturn.objects.create(key=found.key, units=units, returned_at=at, returned_by=by, request=request)
    return GivenBack(made, left, collectivity.name)


@transaction.atomic
def undo_return(*, return_id: int, by: User, at: datetime.datetime) -> GivenBack:
    """Undo a return of the last hour: the same key has its licences again, if the lot still has them.

    The request that it answered is open again. Raises `ReturnNotUndoable`, what `check_may_give_back` raises,
    `KeySuspended` or `KeyExpired`, having changed nothing. Idempotent.
    """
    key_id = LicenceReturn.objects.filter(pk=return_id).values_list("key__subscription", flat=True).first()
    subscription, collectivity = check_may_give_back(key_id or 0, by)
    with tenant_context(collectivity):
        found = pools.lock_allocation_of_key(subscription.key_id)
        key_checks.check_available(found.pool.entitlement, by, at)
        made = LicenceReturn.objects.locked().get(pk=return_id)
        if made.undone_at is not None:
            return GivenBack(made, found.allocation.units, collectivity.name)
        if at >= made.undoable_until:
            raise ReturnNotUndoable("Il est trop tard pour annuler : des licences rendues le restent après une heure.")
        school, pool = found.allocation.school.name, found.pool.name
        try:
            total = pools.give_units_again(
                found,
                units=made.units,
                at=at,
                summarise=lambda total: summarise_undone_return(made.units, total, school, pool),
            )
        except PoolExhausted:
            raise ReturnNotUndoable(
                "La collectivité a déjà donné ces licences à d'autres écoles : elles ne peuvent plus vous revenir."
            ) from None
        made.undone_at = at
        made.save(update_fields=["undone_at"])
        if made.request_id is not None:
            _reopen(made.request_id, found.allocation, at)
    return GivenBack(made, total, collectivity.name)


@transaction.atomic
def keep(*, request_id: int, by: User, at: datetime.datetime, comment: str = "") -> ReturnRequest:
    """Answer a collectivity's request: the school keeps its licences, with a sentence if it wishes.

    Raises `RequestEnded`, and what `check_may_give_back` raises, having changed nothing.
    """
    subscription_id = ReturnRequest.objects.filter(pk=request_id).values_list("key__subscription", flat=True).first()
    _, collectivity = check_may_give_back(subscription_id or 0, by)
    with tenant_context(collectivity):
        request = ReturnRequest.objects.locked().get(pk=request_id)
        if request.outcome or at >= request.expires_at:
            raise RequestEnded("Cette demande n'attend plus de réponse : rien ne change, vos licences restent à vous.")
        allocation = get_allocation_of_key(request.key_id)
        _end(request, ReturnOutcome.DECLINED, by=by, at=at, comment=comment)
        audit_log.record(
            action="pools.return_declined",
            by=None,
            at=at,
            summary=summarise_answer(request, allocation.school.name),
            school_id=allocation.school_id,
            object_type="allocation",
            object_id=allocation.pk,
        )
        _tell(request, allocation, at)
    return request


def _end(
    request: ReturnRequest,
    outcome: ReturnOutcome,
    *,
    by: User,
    at: datetime.datetime,
    units: int = 0,
    comment: str = "",
) -> None:
    request.outcome, request.answered_at, request.answered_by = outcome, at, by
    request.returned_units, request.comment = units, comment
    request.save(update_fields=["outcome", "answered_at", "answered_by", "returned_units", "comment"])


def _tell(request: ReturnRequest, allocation: Allocation, at: datetime.datetime) -> None:
    webhooks.emit(events=[events.build_answered_event(request, allocation)], at=at)


def _reopen(request_id: int, allocation: Allocation, at: datetime.datetime) -> None:
    """Have a request wait for an answer again; where the school was asked anew meanwhile, it kept its licences."""
    request = ReturnRequest.objects.locked().get(pk=request_id)
    request.returned_units, request.comment = 0, ""
    if ReturnRequest.objects.unanswered().filter(key=request.key_id).exists():
        request.outcome = ReturnOutcome.DECLINED
    else:
        request.outcome, request.answered_at, request.answered_by = "", None, None
    request.save(update_fields=["outcome", "answered_at", "answered_by", "returned_units", "comment"])
    event = events.build_answered_event if request.outcome else events.build_requested_event
    webhooks.emit(events=[event(request, allocation)], at=at)
