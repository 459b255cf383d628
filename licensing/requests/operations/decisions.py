"""What an office decides on requests: several become one gift, or are refused with a sentence. All or nothing."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from collectivities.queries import get_contact_emails
from core import formatting
from core.connections import connection
from licensing.entitlements.queries import get_school_year
from licensing.pools import operations as pools
from licensing.pools.models import Allocation, Pool
from licensing.requests import events, notifications
from licensing.requests.events import RequestEvent
from licensing.requests.exceptions import (
    BadRequestUnits,
    PoolOfAnotherYear,
    RequestAnswered,
    UnknownRequest,
)
from licensing.requests.models import LicenceRequest, LicenceRequestEnd
from licensing.requests.operations.licence_requests import ACCEPTED, OBJECT_TYPE, REFUSED, end
from licensing.requests.operations.sentences import clean_sentence
from licensing.requests.school_years import format_school_year
from schools.wording import format_school_name
from webhooks import operations as webhooks

#: More than what any request may be given.
MAX_GRANTED = 1000


class GrantedUnits(NamedTuple):
    """How many licences a request is to get."""

    request_id: int
    units: int


class AcceptedRequest(NamedTuple):
    """A request that was accepted, and the allocation that its licences went to."""

    request: LicenceRequest
    allocation_id: int


@transaction.atomic
def accept_requests(
    *, pool_id: int, grants: Sequence[GrantedUnits], by: User | None, at: datetime.datetime
) -> list[AcceptedRequest]:
    """Give each school its licences of one pool, as one gift, and answer the requests; write to those who asked.

    A school that has a key of the pool gets no second one: it grows. Raises `UnknownRequest`, `RequestAnswered`,
    `BadRequestUnits`, `PoolOfAnotherYear`, and what `pools.allocate_many` raises, having changed nothing.
    """
    if not grants or any(not 1 <= grant.units <= MAX_GRANTED for grant in grants):
        raise BadRequestUnits(f"Donnez à chaque école entre 1 et {formatting.number(MAX_GRANTED)} licences.")
    requests = _lock_waiting([grant.request_id for grant in grants])
    _check_pool(pool_id, requests)
    recipients = find_recipients(pool_id, requests)
    units = {grant.request_id: grant.units for grant in grants}
    # Requests for licences of one product and year, of which a school has one open: each school is named once.
    demands = [
        pools.Demand(one.school_id, units[one.pk], recipients[one.school_id], asked=one.units) for one in requests
    ]
    outcome = pools.allocate_many(pool_id=pool_id, demands=demands, by=by, at=at)
    keys = dict(Allocation.objects.filter(pk__in=outcome.allocations.values()).values_list("school_id", "key_id"))
    accepted = []
    for request in requests:
        request.accepted_units, request.key_id = units[request.pk], keys[request.school_id]
        accepted.append(AcceptedRequest(request, outcome.allocations[request.school_id]))
    end(requests, LicenceRequestEnd.ACCEPTED, at)
    record_accepted(accepted, addresses=recipients, by=by, at=at)
    return accepted


def record_accepted(
    accepted: Sequence[AcceptedRequest], *, addresses: Mapping[str, str], by: User | None, at: datetime.datetime
) -> None:
    """Write to who asked, unless the letter of the licences goes to the same address; journal and event.

    `addresses`: by UAI, where the letter of the licences goes, which says that it is the answer.
    """
    requests = [one.request for one in accepted]
    elsewhere = [one for one in requests if one.asked_by.email.casefold() != addresses[one.school_id].casefold()]
    notifications.notify_principals(elsewhere, notifications.ACCEPTED, at)
    _record(requests, ACCEPTED, by=by, at=at)
    webhooks.emit(
        events=[
            events.build_event(
                RequestEvent.ACCEPTED,
                one.request,
                accepted=one.request.accepted_units,
                allocation=one.allocation_id,
            )
            for one in accepted
        ],
        at=at,
    )


@transaction.atomic
def refuse_requests(
    *, request_ids: Sequence[int], sentence: str, by: User | None, at: datetime.datetime
) -> list[LicenceRequest]:
    """Refuse requests with one sentence, which their schools read. Raises what `accept_requests` raises of requests.

    Also `BadRequestSentence`: a refusal says why.
    """
    answer = clean_sentence(sentence, required="Dites en une phrase pourquoi vous refusez : l'école la lira.")
    requests = _lock_waiting(request_ids)
    for request in requests:
        request.answer = answer
    end(requests, LicenceRequestEnd.REFUSED, at)
    notifications.notify_principals(requests, notifications.REFUSED, at)
    _record(requests, REFUSED, by=by, at=at)
    webhooks.emit(events=[events.build_event(RequestEvent.REFUSED, one) for one in requests], at=at)
    return requests


def _lock_waiting(request_ids: Sequence[int]) -> list[LicenceRequest]:
    """Lock and return the requests to the current collectivity, which all wait for their answer."""
    ids = set(request_ids)
    requests = LicenceRequest.objects.locked().select_related("school", "collectivity", "asked_by", "product")
    found = list(requests.filter(pk__in=ids, collectivity__schema_name=connection.schema_name))
    if len(found) < len(ids) or not found:
        raise UnknownRequest("Une de ces demandes n'existe pas dans votre bureau : rechargez la page.")
    if len(ids) < len(request_ids):
        raise UnknownRequest("Une demande figure deux fois dans cette liste.")
    if granted := [one for one in found if one.granted_until is not None]:
        names = formatting.join_first([format_school_name(one.school.name) for one in granted], 3)
        raise RequestAnswered(
            f"Déjà accordée par un rééquilibrage : la demande de {names}. Rien n'est fait : pour y répondre autrement,"
            " annulez-le pendant l'heure où il peut l'être."
        )
    if answered := [one for one in found if not one.is_pending]:
        names = formatting.join_first([format_school_name(one.school.name) for one in answered], 3)
        raise RequestAnswered(
            f"Déjà répondue, ou retirée par l'école : la demande de {names}. Rien n'est fait : rechargez la page."
        )
    return found


def _check_pool(pool_id: int, requests: Sequence[LicenceRequest]) -> None:
    """Raise `PoolOfAnotherYear` unless the pool's licences are those that each request is for."""
    pool = Pool.objects.prefetch_related("entitlement").filter(pk=pool_id).first()
    if pool is None:
        return  # `allocate_many` says so
    year = get_school_year(pool.entitlement.last_day)
    for request in requests:
        if request.school_year != year or request.product_id != pool.entitlement.product_id:
            raise PoolOfAnotherYear(
                f"{format_school_name(request.school.name)} demande des licences de"
                f" {format_school_year(request.school_year)}, et le lot « {pool.name} » est de"
                f" {format_school_year(year)} : choisissez un lot de cette année-là."
            )


def find_recipients(pool_id: int, requests: Sequence[LicenceRequest]) -> dict[str, str]:
    """Return by UAI where to write: where the key was written to, the office's contact, the official mailbox.

    Where there is none of these: to the principal who asked, whom the school's mailbox verified. Two queries.
    """
    uais = [one.school_id for one in requests]
    existing = Allocation.objects.active().filter(pool=pool_id, school__in=uais)
    written = dict(existing.values_list("school_id", "recipient"))
    contacts = get_contact_emails(uais)
    return {
        one.school_id: written.get(one.school_id)
        or contacts.get(one.school_id)
        or one.school.email
        or one.asked_by.email
        for one in requests
    }


def _record(requests: Sequence[LicenceRequest], action: str, *, by: User | None, at: datetime.datetime) -> None:
    audit_log.record_many(
        [
            audit_log.NewAuditEntry(action, _summarise(one, action), one.school_id, OBJECT_TYPE, one.pk)
            for one in requests
        ],
        by=by,
        at=at,
    )


def _summarise(request: LicenceRequest, action: str) -> str:
    asked = formatting.pluralize(request.units, "licence demandée", "licences demandées")
    school, year = format_school_name(request.school.name), format_school_year(request.school_year)
    if action == REFUSED:
        return f"{school} : demande de {formatting.pluralize(request.units, 'licence')} ({year}) refusée."
    return f"{school} : {formatting.number(request.accepted_units or 0)} sur {asked} ({year})."
