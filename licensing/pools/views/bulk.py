"""Acts of managers on many allocations: what they will do in licences, then the act."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.models import User
from collectivities.access import OfficeHttpRequest, office
from collectivities.models import Role
from core.calendar import date_in_paris
from core.registry import Registry
from licensing.pools import bulk_preview, bulk_wording, operations
from licensing.pools.bulk_preview import BulkPreview
from licensing.pools.models import Allocation
from licensing.pools.queries import AnnotatedAllocation, filter_not_redeemed, list_allocations
from licensing.pools.views.allocations import build_filter
from licensing.pools.views.results import build_list_url, get_list_url, show_results

#: Number of schools that the confirmation page names; the others are counted.
_MAX_NAMED = 15
#: Pages other than the list that may ask for an action (`origin`), and to which it comes back; with its query, the
#: parameters that the page had (`origin_query`).
_ORIGINS = {"home": "l'accueil", "portfolio:list": "la liste des écoles", "returns:list": "la page « Rendre »"}
#: The list has changed between the page that said what would happen and the confirmation.
_CHANGED = "Ce qui va se passer a changé depuis que vous l'avez lu. Rien n'est fait : relisez, puis confirmez."


class _BulkOperation(Protocol):
    def __call__(
        self, *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime
    ) -> list[operations.AllocationActionResult]: ...


@dataclass(frozen=True, slots=True)
class Override:
    """Another action, for what this one leaves for these reasons: a hand decides all the same."""

    reasons: frozenset[bulk_preview.LeftReason]
    #: Its name, and what its button says.
    name: str
    label: str


@dataclass(frozen=True, slots=True)
class BulkAction:
    """An action on many allocations."""

    label: str
    preview: Callable[[Collection[int], datetime.datetime], BulkPreview]
    #: What it will do, in French sentences.
    describe: Callable[[BulkPreview], list[str]]
    run: _BulkOperation
    #: The result, singular and plural.
    done: tuple[str, str]
    takes_back: bool = False
    #: Of the allocations of schools that are ticked in place of them, which it concerns, and what is said of none.
    select: Callable[[QuerySet[AnnotatedAllocation]], QuerySet[AnnotatedAllocation]] = filter_not_redeemed
    nothing: str = "Aucune de ces écoles n'a de clé à activer : il n'y a rien à leur rappeler."
    override: Override | None = None


#: By the value of the button; apps above declare theirs.
bulk_actions: Registry[BulkAction] = Registry("act on many allocations")
_OWN_ACTIONS = {
    "relancer": BulkAction(
        "Relancer",
        bulk_preview.preview_reminding,
        bulk_wording.describe_reminding,
        operations.remind_many,
        ("école relancée", "écoles relancées"),
    ),
    "renvoyer": BulkAction(
        "Renvoyer la clé",
        bulk_preview.preview_resending,
        bulk_wording.describe_resending,
        operations.resend_many,
        ("clé renvoyée", "clés renvoyées"),
    ),
    "reprendre": BulkAction(
        "Reprendre les licences",
        bulk_preview.preview_revocation,
        bulk_wording.describe_revocation,
        operations.revoke_many,
        ("attribution reprise", "attributions reprises"),
        takes_back=True,
    ),
}


for _name, _action in _OWN_ACTIONS.items():
    bulk_actions.declare(_name, _action)


@require_POST
@office(Role.MANAGER)
def act_on_selected(request: OfficeHttpRequest) -> HttpResponse:
    """Say what will happen, then act on the selected allocations, or on all those of the filter (`scope=filter`).

    Of schools that are ticked in place of allocations (`uai`), on those that the action concerns.

    `confirmed` is the number of licences that the page stated: the act is not done where it concerns others by then.
    """
    name = request.POST.get("action", "")
    action = bulk_actions.get(name)
    if action is None:
        raise Http404("No such action.")
    query, now = request.POST.get("query", ""), timezone.now()
    origin = request.POST.get("origin", "")
    origin = origin if origin in _ORIGINS else ""
    origin_query = request.POST.get("origin_query", "")
    back = build_list_url(origin, origin_query) if origin else get_list_url(query)
    whole_list = request.POST.get("scope") == "filter"
    allocation_ids = _get_selected(request, action, query, whole_list=whole_list)
    if not allocation_ids:
        messages.warning(request, _describe_nothing(request, action))
        return redirect(back)
    preview = action.preview(allocation_ids, now)
    guard = bulk_preview.build_bulk_guard(preview, now, counts_letters=not action.takes_back)
    confirmed, fault, notice, status = request.POST.get("confirmed"), "", "", 200
    if confirmed is not None and confirmed != str(preview.units):
        notice, status = _CHANGED, 409
    elif confirmed is not None and guard is not None:
        fault = guard.find_fault(request.POST.get("confirmed_count", ""), "cette action")
        status = 422 if fault else 200
    if confirmed is None or notice or fault:
        named = Allocation.objects.filter(pk__in=preview.allocation_ids[:_MAX_NAMED]).select_related("school")
        context = {
            "action": action,
            "name": name,
            "query": query,
            "origin": origin,
            "origin_query": origin_query,
            "back": back,
            "back_to": _ORIGINS.get(origin, "la liste"),
            "preview": preview,
            "lines": action.describe(preview),
            "left": bulk_wording.describe_left(preview),
            "guard": guard,
            "fault": fault,
            "notice": notice,
            "override": action.override if action.override and action.override.reasons & set(preview.left) else None,
            "schools": [
                (allocation.school, (preview.units_by_allocation or {}).get(allocation.pk, allocation.units))
                for allocation in named.order_by("school__name_folded")
            ],
            "others": max(0, len(preview.allocation_ids) - _MAX_NAMED),
            "scope": "filter" if whole_list else "",
            # Django refuses thousands of form fields: the full list is identified by its filter.
            "ids": [] if whole_list else allocation_ids,
        }
        return render(request, "pools/bulk.html", context, status=status)
    results = action.run(allocation_ids=allocation_ids, by=request.member.user, at=now)
    show_results(request, action.done, results)
    return redirect(back)


def _describe_nothing(request: OfficeHttpRequest, action: BulkAction) -> str:
    """Return in French why nothing is selected."""
    if request.POST.getlist("uai"):
        return action.nothing
    if request.POST.get("origin") == "portfolio:list":
        return "Cochez au moins une école."
    return "Cochez au moins une attribution, ou choisissez toutes celles de la liste."


def _get_selected(request: OfficeHttpRequest, action: BulkAction, query: str, *, whole_list: bool) -> list[int]:
    if whole_list:
        return list(build_filter(QueryDict(query)).qs.order_by("pk").values_list("pk", flat=True))
    if uais := request.POST.getlist("uai"):
        listed = action.select(list_allocations(date_in_paris(timezone.now()))).filter(school_id__in_array=uais)
        return list(listed.order_by("pk").values_list("pk", flat=True))
    selected = request.POST.getlist("ids")
    return [int(number) for number in selected if re.fullmatch(r"[0-9]{1,18}", number)]
