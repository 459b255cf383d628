"""What a manager does with allocations: singly or in bulk, after a page that says what will happen."""

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

from collectivities.access import office
from collectivities.models import Role
from licensing.exceptions import Refused
from licensing.pools import operations
from licensing.pools.forms import ResendForm
from licensing.pools.models import Allocation
from licensing.pools.views.allocations import filtered
from web import typography

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User
    from collectivities.access import OfficeRequest

#: How many schools the confirmation names before it only counts the others.
NAMED = 15


class _Operation(Protocol):
    def __call__(
        self, *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime
    ) -> list[operations.Result]: ...


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done to many allocations at once."""

    label: str
    #: What will happen, for the page that asks.
    warning: str
    #: What was done, singular and plural.
    done: tuple[str, str]
    run: _Operation


ACTIONS = {
    "relancer": Action(
        "Relancer",
        "Un e-mail de rappel avec la même clé part à chaque école qui a reçu la sienne et ne l'a pas activée. "
        "Une école déjà relancée aujourd'hui ne l'est pas deux fois.",
        ("école relancée", "écoles relancées"),
        operations.remind_many,
    ),
    "renvoyer": Action(
        "Renvoyer la clé",
        "La même clé est renvoyée à l'adresse enregistrée. Un e-mail encore en attente est remplacé par celui-ci.",
        ("clé renvoyée", "clés renvoyées"),
        operations.resend_many,
    ),
    "reprendre": Action(
        "Reprendre les licences",
        "Les clés non activées ne vaudront plus rien et leurs licences retournent à leur lot. "
        "Les écoles qui avaient reçu la leur en sont averties par e-mail. Une clé déjà activée n'est pas reprise.",
        ("attribution reprise", "attributions reprises"),
        operations.revoke_many,
    ),
}


@require_POST
@office(Role.MANAGER)
def bulk(request: OfficeRequest) -> HttpResponse:
    """Ask, then do: what is ticked, or all that the list's filter holds (`scope=filter`)."""
    name = request.POST.get("action", "")
    action = ACTIONS.get(name)
    if action is None:
        raise Http404("No such action.")
    query = request.POST.get("query", "")
    back = f"{reverse('pools:allocations')}?{QueryDict(query).urlencode()}"
    whole = request.POST.get("scope") == "filter"
    numbers = _chosen(request, query, whole=whole)
    if not numbers:
        messages.warning(request, "Cochez au moins une attribution, ou choisissez toutes celles de la liste.")
        return redirect(back)
    if "confirmed" not in request.POST:
        schools = Allocation.objects.filter(pk__in=numbers[:NAMED]).select_related("school").order_by("pk")
        context = {
            "action": action,
            "name": name,
            "query": query,
            "back": back,
            "count": len(numbers),
            "others": max(0, len(numbers) - NAMED),
            "schools": [(allocation.school, allocation.units) for allocation in schools],
            "scope": "filter" if whole else "",
            # Thousands of hidden fields are refused by Django: a whole list is named by its filter.
            "ids": [] if whole else numbers,
        }
        return render(request, "pools/bulk.html", context)
    _report(request, action, action.run(allocation_ids=numbers, by=request.member.user, at=timezone.now()))
    return redirect(back)


def _chosen(request: OfficeRequest, query: str, *, whole: bool) -> list[int]:
    if whole:
        return list(filtered(QueryDict(query)).qs.order_by("pk").values_list("pk", flat=True))
    ticked = request.POST.getlist("ids")
    return [int(number) for number in ticked if re.fullmatch(r"[0-9]{1,18}", number)]


def _report(request: OfficeRequest, action: Action, results: Sequence[operations.Result]) -> None:
    """Say how many were done, and for each reason how many were not."""
    done = sum(result.refusal is None for result in results)
    if done:
        messages.success(request, f"{typography.plural(done, *action.done)}.")
    reasons = Counter(str(result.refusal) for result in results if result.refusal is not None)
    for reason, count in reasons.most_common(5):
        left = typography.plural(count, "attribution laissée telle quelle", "attributions laissées telles quelles")
        messages.warning(request, f"{left} : {reason}")


@require_POST
@office(Role.MANAGER)
def resend(request: OfficeRequest, pk: int) -> HttpResponse:
    """Write the key once more, to the address as it was corrected."""
    get_object_or_404(Allocation, pk=pk)
    form = ResendForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Cette adresse e-mail n'est pas valable : corrigez-la, rien n'a été envoyé.")
        return redirect("pools:allocation", pk=pk)
    try:
        message = operations.resend(
            allocation_id=pk, recipient=form.cleaned_data["recipient"], by=request.member.user, at=timezone.now()
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"La même clé part pour {message.recipient}.")
    return redirect("pools:allocation", pk=pk)


@never_cache
@require_POST
@office(Role.MANAGER)
def reveal(request: OfficeRequest, pk: int) -> HttpResponse:
    """Ask whether the key is to be shown, then show it once: it is written in the journal."""
    allocation = get_object_or_404(Allocation.objects.select_related("school"), pk=pk)
    key = ""
    if "confirmed" in request.POST:
        try:
            key = operations.reveal(allocation_id=pk, by=request.member.user, at=timezone.now())
        except Refused as refusal:
            messages.error(request, str(refusal))
            return redirect("pools:allocation", pk=pk)
    return render(request, "pools/reveal.html", {"allocation": allocation, "key": key})
