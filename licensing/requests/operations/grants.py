"""Requests that a rebalancing grants: accepted once it can no longer be undone, open again where it was.

Meanwhile nobody else answers them, and their schools do not withdraw them. In the collectivity's schema.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from licensing.pools.models import Pool
from licensing.requests import queries
from licensing.requests.models import LicenceRequest, LicenceRequestEnd
from licensing.requests.operations.decisions import AcceptedRequest, record_accepted


class GrantedRequest(NamedTuple):
    """How many licences a request is granted, and the key that they went to."""

    request_id: int
    units: int
    key_id: int


def lock_requests(pool: Pool, uais: Collection[str]) -> None:
    """Lock the requests of these schools that the pool's licences can answer, before the pool itself."""
    # Those that are granted as well: by the time the lock is had, one may be open again.
    list(queries.list_for_pool(pool).filter(school__in=uais).locked().values_list("pk", flat=True))


def lock_granted(request_ids: Collection[int]) -> list[LicenceRequest]:
    """Lock these requests; return those that are still granted."""
    found = LicenceRequest.objects.filter(pk__in=request_ids).locked()
    return [one for one in found.select_related("school", "collectivity", "asked_by") if one.granted_until is not None]


def grant_requests(grants: Sequence[GrantedRequest], *, until: datetime.datetime) -> None:
    """Grant requests that the caller has locked and found waiting. Two statements."""
    found = LicenceRequest.objects.in_bulk([one.request_id for one in grants])
    for one in grants:
        request = found[one.request_id]
        request.granted_until, request.accepted_units, request.key_id = until, one.units, one.key_id
    LicenceRequest.objects.bulk_update(found.values(), ["granted_until", "accepted_units", "key"])


def release_requests(requests: Sequence[LicenceRequest]) -> None:
    """Have granted requests wait again, which the caller has locked: what granted them was undone."""
    ids = [one.pk for one in requests]
    LicenceRequest.objects.filter(pk__in=ids).update(granted_until=None, accepted_units=None, key=None)


@transaction.atomic
def accept_granted(
    accepted: Sequence[AcceptedRequest], *, addresses: Mapping[str, str], by: User | None, at: datetime.datetime
) -> None:
    """Accept granted requests, which the caller has locked, with what they were granted; tell the office's own.

    `addresses`: by UAI, where the letter of the licences goes, which says that it is the answer.
    """
    requests = [one.request for one in accepted]
    for request in requests:
        request.granted_until, request.ended_at, request.outcome = None, at, LicenceRequestEnd.ACCEPTED
    LicenceRequest.objects.bulk_update(requests, ["granted_until", "ended_at", "outcome"])
    record_accepted(accepted, addresses=addresses, by=by, at=at)
