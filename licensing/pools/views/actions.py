"""Actions of managers on allocations, single or in bulk, with a confirmation page."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.reauthentication import confirmed_recently
from collectivities.access import office
from collectivities.models import Role
from core import formatting
from licensing.exceptions import LicensingError
from licensing.pools import operations
from licensing.pools.forms import ResendForm
from licensing.pools.models import Allocation
from licensing.pools.views.allocations import build_filter

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from collectivities.access import OfficeHttpRequest

#: Number of schools that the confirmation page names; the others are counted.
_MAX_NAMED = 15


class _BulkOperation(Protocol):
    def __call__(
        self, *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime
    ) -> list[operations.AllocationActionResult]: ...


@dataclass(frozen=True, slots=True)
class BulkAction:
    """An action on many allocations."""

    label: str
    #: The consequences, for the confirmation page.
    warning: str
    #: The result, singular and plural.
    done: tuple[str, str]
    run: _BulkOperation


_ACTIONS = {
    "relancer": BulkAction(
        "Relancer",
        "Un e-mail de rappel avec la même clé part à chaque école qui a reçu la sienne et ne l'a pas activée. "
        "Une école déjà relancée aujourd'hui ne l'est pas deux fois.",
        ("école relancée", "écoles relancées"),
        operations.remind_many,
    ),
    "renvoyer": BulkAction(
        "Renvoyer la clé",
        "La même clé est renvoyée à l'adresse enregistrée. Un e-mail encore en attente est remplacé par celui-ci.",
        ("clé renvoyée", "clés renvoyées"),
        operations.resend_many,
    ),
    "reprendre": BulkAction(
        "Reprendre les licences",
        "Les clés non activées ne vaudront plus rien et leurs licences retournent à leur lot. "
        "Les écoles qui avaient reçu la leur en sont averties par e-mail. Une clé déjà activée n'est pas reprise.",
        ("attribution reprise", "attributions reprises"),
        operations.revoke_many,
    ),
}


@require_POST
@office(Role.MANAGER)
def act_on_selected(request: OfficeHttpRequest) -> HttpResponse:
    """Confirm, then act on the selected allocations, or on all those of the filter (`scope=filter`)."""
    name = request.POST.get("action", "")
    action = _ACTIONS.get(name)
    if action is None:
        raise Http404("No such action.")
    query = request.POST.get("query", "")
    back = f"{reverse('pools:allocations')}?{QueryDict(query).urlencode()}"
    whole_list = request.POST.get("scope") == "filter"
    allocation_ids = _get_selected(request, query, whole_list=whole_list)
    if not allocation_ids:
        messages.warning(request, "Cochez au moins une attribution, ou choisissez toutes celles de la liste.")
        return redirect(back)
    if "confirmed" not in request.POST:
        schools = Allocation.objects.filter(pk__in=allocation_ids[:_MAX_NAMED]).select_related("school").order_by("pk")
        context = {
            "action": action,
            "name": name,
            "query": query,
            "back": back,
            "count": len(allocation_ids),
            "others": max(0, len(allocation_ids) - _MAX_NAMED),
            "schools": [(allocation.school, allocation.units) for allocation in schools],
            "scope": "filter" if whole_list else "",
            # Django refuses thousands of form fields: the full list is identified by its filter.
            "ids": [] if whole_list else allocation_ids,
        }
        return render(request, "pools/bulk.html", context)
    _show_results(request, action, action.run(allocation_ids=allocation_ids, by=request.member.user, at=timezone.now()))
    return redirect(back)


def _get_selected(request: OfficeHttpRequest, query: str, *, whole_list: bool) -> list[int]:
    if whole_list:
        return list(build_filter(QueryDict(query)).qs.order_by("pk").values_list("pk", flat=True))
    selected = request.POST.getlist("ids")
    return [int(number) for number in selected if re.fullmatch(r"[0-9]{1,18}", number)]


def _show_results(
    request: OfficeHttpRequest, action: BulkAction, results: Sequence[operations.AllocationActionResult]
) -> None:
    """Show how many succeeded, and how many failed by reason."""
    done = sum(result.refusal is None for result in results)
    if done:
        messages.success(request, f"{formatting.pluralize(done, *action.done)}.")
    reasons = Counter(str(result.refusal) for result in results if result.refusal is not None)
    for reason, count in reasons.most_common(5):
        unchanged = formatting.pluralize(
            count, "attribution laissée telle quelle", "attributions laissées telles quelles"
        )
        messages.warning(request, f"{unchanged} : {reason}")


@require_POST
@office(Role.MANAGER)
def resend(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Resend the key, to the corrected address."""
    get_object_or_404(Allocation, pk=pk)
    form = ResendForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Cette adresse e-mail n'est pas valable : corrigez-la, rien n'a été envoyé.")
        return redirect("pools:allocation", pk=pk)
    try:
        message = operations.resend(
            allocation_id=pk, recipient=form.cleaned_data["recipient"], by=request.member.user, at=timezone.now()
        )
    except LicensingError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"La même clé part pour {message.recipient}.")
    return redirect("pools:allocation", pk=pk)


@confirmed_recently()
@never_cache
@require_POST
@office(Role.MANAGER)
def reveal(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Confirm, then show the key once, recording it in the audit log."""
    allocation = get_object_or_404(Allocation.objects.select_related("school"), pk=pk)
    key = ""
    if "confirmed" in request.POST:
        try:
            key = operations.reveal(allocation_id=pk, by=request.member.user, at=timezone.now())
        except LicensingError as refusal:
            messages.error(request, str(refusal))
            return redirect("pools:allocation", pk=pk)
    return render(request, "pools/reveal.html", {"allocation": allocation, "key": key})
