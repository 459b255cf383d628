"""« Rendre »: what the office asked of schools and how it stands, and what still lies unused."""

import datetime
from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.queries import list_members
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import DomainError
from core.formatting import school_forms
from licensing.entitlements.models import available_on
from licensing.entitlements.office_keys import find_entitlements
from licensing.pools import bulk_views
from licensing.pools.bulk_views import BulkPreview, LeftReason, PoolShare
from licensing.pools.filters import UNUSED
from licensing.pools.models import Allocation
from licensing.pools.queries import AnnotatedAllocation, filter_unused, get_allocation_of_key, list_allocations
from licensing.requests.returns import operations
from licensing.requests.returns.emails import list_addressees
from licensing.requests.returns.models import ANSWER_PERIOD, ReturnRequest
from licensing.requests.returns.queries import count_unused_of_office, select_requests, select_returns
from licensing.requests.returns.wording import (
    STATUS_BADGES,
    ReturnStatus,
    describe_excluded,
    describe_nothing_unused,
    find_status,
)
from web.page_actions import page_action

#: By the code with which the operation refuses.
_REASONS = {
    "already_revoked": LeftReason.REVOKED,
    "not_redeemed": LeftReason.NOT_REDEEMED,
    "pool_suspended": LeftReason.POOL_NOT_OPEN,
    "pool_closed": LeftReason.POOL_NOT_OPEN,
    "return_already_requested": LeftReason.ASKED,
    "nothing_unused": LeftReason.ALL_USED,
    "return_requested_lately": LeftReason.ASKED_LATELY,
    "school_asks_for_more": LeftReason.ASKS_FOR_MORE,
    "given_lately": LeftReason.GIVEN_LATELY,
}


def preview_asking(allocation_ids: Collection[int], at: datetime.datetime, *, again: bool = False) -> BulkPreview:
    """Return what asking will do; `again`: even schools that were asked, or given licences, lately."""
    found = list_allocations(date_in_paris(at)).filter(pk__in_array=allocation_ids).order_by("pool__name", "pk")
    allocations = list(found)
    facts = operations.read_facts(allocations, at, dormant_only=not again, lock=False)
    unused = facts.unused
    reasons: Counter[LeftReason] = Counter()
    asking: list[AnnotatedAllocation] = []
    for allocation in allocations:
        try:
            operations.check_asking(allocation, facts, at, again=again)
        except DomainError as refusal:
            reason = _REASONS[refusal.code]
            if reason is LeftReason.ASKED and allocation.key_id not in unused:
                # Nothing is expected of a school that meanwhile uses what it was asked for.
                reason = LeftReason.ALL_USED
            reasons[reason] += 1
        else:
            asking.append(allocation)
    addressees = list_addressees([allocation.key_id for allocation in asking])
    return BulkPreview(
        allocation_ids=[allocation.pk for allocation in asking],
        schools=len({allocation.school_id for allocation in asking}),
        units=sum(unused[allocation.key_id] for allocation in asking),
        pools=_share(asking, unused),
        emails=sum(len(people) for people in addressees.values()),
        left=reasons,
        units_by_allocation={allocation.pk: unused[allocation.key_id] for allocation in asking},
    )


def _share(asking: Sequence[AnnotatedAllocation], unused: dict[int, int]) -> list[PoolShare]:
    schools: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for allocation in asking:
        schools[allocation.pool.name] += 1
        units[allocation.pool.name] += unused[allocation.key_id]
    return [PoolShare(pool, count, units[pool]) for pool, count in schools.items()]


def describe_asking(preview: BulkPreview) -> list[str]:
    """Return what asking does: licences by pool, the e-mails, and what silence means."""
    lines = [
        f"Lot « {share.pool} », {formatting.pluralize(share.schools, 'école')} : "
        f"{formatting.pluralize(share.units, 'licence activée ne sert', 'licences activées ne servent')} à personne."
        for share in preview.pools
    ]
    letters = formatting.pluralize(preview.emails, "e-mail part", "e-mails partent")
    return [
        *lines,
        f"{letters} aux directions, qui rendent ces licences, en rendent moins, ou les gardent.",
        f"Sans réponse en {ANSWER_PERIOD.days} jours, rien ne change. Aucun rappel ne part.",
    ]


_build_action = partial(
    bulk_views.BulkAction,
    describe=describe_asking,
    done=("école sollicitée", "écoles sollicitées"),
    select=filter_unused,
    nothing="Aucune de ces écoles n'a de licence activée et inutilisée : il n'y a rien à leur demander.",
)
_override = bulk_views.Override(
    frozenset({LeftReason.ASKED_LATELY, LeftReason.ASKS_FOR_MORE, LeftReason.GIVEN_LATELY}),
    "redemander",
    "Demander quand même à toutes",
)
bulk_views.bulk_actions.declare(
    "demander",
    _build_action(
        "Demander les licences inutilisées",
        preview_asking,
        run=partial(operations.ask_many, dormant_only=True),
        override=_override,
    ),
)
bulk_views.bulk_actions.declare(
    "redemander",
    _build_action(
        "Demander quand même", partial(preview_asking, again=True), run=partial(operations.ask_many, again=True)
    ),
)


_PAGE_SIZE = 50
#: Returns that are listed: the journal has all.
_RETURNS_SHOWN = 50


class RequestRow(NamedTuple):
    """A request as the page shows it."""

    request: ReturnRequest
    label: str
    colour: str
    #: It can be withdrawn.
    is_open: bool


@office()
@require_GET
def request_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the requests, the latest first, below what lies unused and the way to ask for it; then what came back."""
    now = timezone.now()
    found = select_requests().select_related("key__school").order_by("-pk")
    page = Paginator(found, _PAGE_SIZE).get_page(request.GET.get("page"))
    manages = request.member.may(Capability.GIVE_LICENCES)
    unused = count_unused_of_office(now)
    context = {
        "unused": unused,
        "nothing_unused": "" if unused.units else _describe_nothing(now, unused.excluded_units),
        "excluded": describe_excluded(unused.excluded_units) if unused.excluded_units else "",
        "unused_query": urlencode({"situation": UNUSED}),
        "unused_url": f"{reverse('pools:allocations')}?{urlencode({'situation': UNUSED})}",
        "page_obj": page,
        "rows": [build_row(one, now) for one in page.object_list],
        "returns": select_returns()[:_RETURNS_SHOWN],
        "manages": manages,
        "managers": [] if manages or not unused.units else list_members(Capability.GIVE_LICENCES),
    }
    return render(request, "returns/list.html", context)


def _describe_nothing(at: datetime.datetime, excluded: int) -> str:
    available = find_entitlements(available_on(date_in_paris(at), ""))
    given = Allocation.objects.served().filter(pool__entitlement__in=available)
    redeemed = given.filter(redeemed_at__isnull=False).exists()
    return describe_nothing_unused(given=redeemed or given.exists(), redeemed=redeemed, excluded=excluded)


def build_row(request: ReturnRequest, at: datetime.datetime) -> RequestRow:
    """Return a request with the badge of how it stands."""
    status = find_status(request, at)
    return RequestRow(request, *STATUS_BADGES[status], status is ReturnStatus.OPEN)


@require_POST
@office(Capability.GIVE_LICENCES)
@page_action("returns:list")
def withdraw(request: OfficeHttpRequest, pk: int) -> str:
    """Withdraw a request that nobody answered."""
    get_object_or_404(select_requests(), pk=pk)
    withdrawn = operations.withdraw(request_id=pk, by=request.member.user, at=timezone.now())
    school = school_forms(get_allocation_of_key(withdrawn.key_id).school.name)
    return f"La demande faite {school.to_the} est retirée : il n'y a plus rien à répondre."
