"""Which schools of a lot need more licences than they have: those that asked, and those that use all of theirs."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import Q

from collectivities.models import PortfolioSchool
from core import formatting
from licensing.entitlements.office_keys import find_full
from licensing.pools.models import Allocation, Pool
from licensing.pools.queries import annotate_held
from licensing.requests.models import LicenceRequest
from licensing.requests.operations import find_recipients
from licensing.requests.queries import list_for_pool
from schools.models import SchoolState

#: Characters of a school's own reason that a row shows.
_MAX_REASON = 140


class Need(NamedTuple):
    """A school that could use more: how many are proposed, and why."""

    uai: str
    name: str
    commune: str
    #: What it has of the lot now; None without an allocation.
    allocation_id: int | None
    units: int
    proposed: int
    reason: str
    #: Where its letter goes.
    recipient: str
    #: The request that giving answers, and how many it asks for; None and 0 where the school did not ask.
    request_id: int | None = None
    asked: int = 0


def list_needs(pool: Pool) -> list[Need]:
    """Return the schools of a lot that need more: who asked first, the oldest first, then the fullest. Eight queries.

    Those with a request that the lot can answer and nobody has, and those whose licences are all held by teachers. A
    lot has one allocation a school: so has the answer one row.
    """
    asking = list_for_pool(pool).waiting().exclude(school__state=SchoolState.CLOSED)
    requests = list(asking.select_related("school", "asked_by").order_by("created_at", "pk"))
    of_lot = annotate_held(Allocation.objects.active().filter(pool=pool)).select_related("school")
    is_full = Q(units__gt=0, key__in_array=find_full())
    found = of_lot.filter(is_full | Q(school__in=[one.school_id for one in requests]))
    allocations = list(found.prefetch_related("key").order_by("-units", "school__name_folded", "pk"))
    recipients = find_recipients(pool.pk, requests) if requests else {}
    rows = PortfolioSchool.objects.filter(school_id__in_array=[one.school_id for one in allocations])
    classes = dict(rows.values_list("school_id", "classes"))
    of_school = {one.school_id: one for one in allocations}
    needs = [_build_asked(one, of_school.pop(one.school_id, None), recipients[one.school_id]) for one in requests]
    return needs + [_build_full(one, classes.get(one.school_id)) for one in of_school.values()]


def _build_asked(request: LicenceRequest, allocation: Any, recipient: str) -> Need:
    """Return the need of a school that asked; `allocation`: what it has of the lot, annotated, or None."""
    units = allocation.units if allocation is not None else 0
    reason = f"a demandé {formatting.pluralize(request.units, 'licence')}"
    if request.reason:
        short = request.reason if len(request.reason) <= _MAX_REASON else f"{request.reason[: _MAX_REASON - 1]}…"
        reason = f"{reason} : « {short} »"
    if units and allocation.key.redeemed_at is None:
        reason = f"{reason} ; sa clé n'est pas activée"
    elif units:
        without = formatting.pluralize(
            units - allocation.held, "des siennes n'a pas d'enseignant", "des siennes n'ont pas d'enseignant"
        )
        reason = f"{reason} ; {_describe(units, None) if allocation.held == units else without}"
    return Need(
        uai=request.school_id,
        name=request.school.name,
        commune=request.school.commune,
        allocation_id=allocation.pk if allocation is not None else None,
        units=units,
        proposed=request.units,
        reason=reason,
        recipient=recipient,
        request_id=request.pk,
        asked=request.units,
    )


def _build_full(allocation: Any, classes: int | None) -> Need:
    """Return the need of a school whose licences are all held."""
    return Need(
        uai=allocation.school_id,
        name=allocation.school.name,
        commune=allocation.school.commune,
        allocation_id=allocation.pk,
        units=allocation.units,
        proposed=max((classes or 0) - allocation.units, 1),
        reason=_describe(allocation.units, classes),
        recipient=allocation.recipient,
    )


def _describe(units: int, classes: int | None) -> str:
    used = "sa licence est utilisée" if units == 1 else f"ses {units} licences sont utilisées"
    return f"{used}, pour {classes} classes" if classes and classes > units else used
