"""Read-only queries on licences that came back, are asked for, or could come back."""

import datetime
from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Count, Max, Q, QuerySet, Sum

from core.calendar import date_in_paris
from core.connections import connection
from licensing.entitlements.models import available_on
from licensing.entitlements.office_keys import find_entitlements
from licensing.entitlements.seat_holders import list_unused_seats
from licensing.pools.filters import build_asking_condition
from licensing.pools.models import Allocation, build_dormant_condition
from licensing.requests.returns.models import (
    MIN_PAUSE,
    UNDOABLE_FOR,
    LicenceReturn,
    ReturnOutcome,
    ReturnRequest,
    ReturnRequestQuerySet,
)


class UnusedLicences(NamedTuple):
    """Licences of redeemed keys that nobody uses, and in how many schools."""

    units: int
    schools: int
    #: Of these schools, those that may be asked: not asked within `MIN_PAUSE`.
    schools_to_ask: int
    #: Licences that nobody uses either, of schools that have them lately, or ask for more and wait.
    excluded_units: int


def count_unused(key_ids: Collection[int]) -> dict[int, int]:
    """Return how many licences of each key are unused, by primary key, for those that have any. One query."""
    unused = list_unused_seats().filter(subscription__key__in=key_ids).order_by()
    return dict(unused.values_list("subscription__key").annotate(Count("pk")))


def list_open_requests(key_ids: Collection[int], at: datetime.datetime) -> dict[int, ReturnRequest]:
    """Return by key the requests that a school may answer now. One query."""
    found = (
        ReturnRequest.objects.open_at(at).filter(key__in=key_ids).select_related("collectivity", "key__subscription")
    )
    return {request.key_id: request for request in found}


def list_undoable_returns(key_ids: Collection[int], at: datetime.datetime) -> list[LicenceReturn]:
    """Return what was given back within the hour and not taken again, the latest first. One query."""
    recent = LicenceReturn.objects.filter(key__in=key_ids, returned_at__gt=at - UNDOABLE_FOR, undone_at=None)
    return list(recent.select_related("key__entitlement__collectivity").order_by("-returned_at", "-pk"))


def find_return_days(key_ids: Collection[int]) -> dict[int, datetime.datetime]:
    """Return by key when licences were last given back. One query."""
    kept = LicenceReturn.objects.filter(key__in=key_ids, undone_at=None)
    return dict(kept.order_by().values_list("key").annotate(Max("returned_at")))


def find_last_requests(key_ids: Collection[int]) -> dict[int, ReturnRequest]:
    """Return by key what was last asked for. One query."""
    found = ReturnRequest.objects.filter(key__in=key_ids).order_by("key", "-pk").distinct("key")
    return {request.key_id: request for request in found}


def select_requests() -> ReturnRequestQuerySet:
    """Return the requests of the current collectivity."""
    return ReturnRequest.objects.filter(collectivity__schema_name=connection.schema_name)


def get_allocation_ids(requests: Collection[ReturnRequest]) -> dict[int, int]:
    """Return by key the allocations that requests are about. One query."""
    allocations = Allocation.objects.filter(key__in=[request.key_id for request in requests])
    return dict(allocations.values_list("key_id", "pk"))


def list_office_returns() -> QuerySet[LicenceReturn]:
    """Return all that the schools of the current collectivity gave back, in no order."""
    return LicenceReturn.objects.filter(key__entitlement__collectivity__schema_name=connection.schema_name).order_by()


def select_returns() -> QuerySet[LicenceReturn]:
    """Return what the schools of the current collectivity gave back, the latest first, without what was undone."""
    own = list_office_returns().filter(undone_at=None)
    return own.select_related("key__school", "key__entitlement").order_by("-returned_at", "-pk")


def count_unused_of_office(at: datetime.datetime) -> UnusedLicences:
    """Return what nobody uses of the current collectivity's lots that can be given at a moment. Five queries."""
    available = find_entitlements(available_on(date_in_paris(at), ""))
    given = Allocation.objects.active().filter(pool__entitlement__in=available, unused__gt=0)
    asked = ReturnRequest.objects.filter(
        collectivity__schema_name=connection.schema_name, asked_at__gt=at - MIN_PAUSE
    ).exclude(outcome=ReturnOutcome.WITHDRAWN)
    may_be_asked = ~Q(key__in_array=list(asked.values_list("key_id", flat=True)))
    dormant = build_dormant_condition(at) & ~build_asking_condition()
    counted = given.order_by().aggregate(
        units=Sum("unused", filter=dormant, default=0),
        schools=Count("school", distinct=True, filter=dormant),
        schools_to_ask=Count("school", distinct=True, filter=dormant & may_be_asked),
        excluded_units=Sum("unused", default=0) - Sum("unused", filter=dormant, default=0),
    )
    return UnusedLicences(**counted)
