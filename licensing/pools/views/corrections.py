"""« Adresses à corriger »: the keys that did not arrive, and their resending to other addresses, one or many."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.models import Role
from core import formatting
from licensing.pools import operations
from licensing.pools.address_corrections import build_corrections, list_undelivered
from licensing.pools.models import Allocation
from licensing.pools.views.results import show_results
from mailing.refusals import normalise_address

#: Three fields a row: Django takes a thousand.
PER_PAGE = 200
_DONE = (
    "clé renvoyée à l'adresse corrigée, que votre périmètre retient",
    "clés renvoyées aux adresses corrigées, que votre périmètre retient",
)


class _Change(NamedTuple):
    """What a row asks for: the key of an allocation, to another address."""

    allocation: Allocation
    recipient: str

    @property
    def is_same(self) -> bool:
        return normalise_address(self.recipient) == normalise_address(self.allocation.recipient)


@office()
@require_GET
def correction_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the keys that did not arrive, each with the address that we know besides."""
    undelivered = list_undelivered(timezone.now()).order_by("school__name_folded", "school_id", "pk")
    page = Paginator(undelivered, PER_PAGE).get_page(request.GET.get("page"))
    count = page.paginator.count
    context = {
        "corrections": build_corrections(list(page.object_list)),
        "page": page,
        "counted": formatting.pluralize(count, "clé n'est pas arrivée", "clés ne sont pas arrivées"),
        "manages": Role.MANAGER in request.member.roles,
        "prepares": Role.DATA_OFFICER in request.member.roles,
    }
    return render(request, "pools/corrections.html", context)


@require_POST
@office(Role.MANAGER)
def correct(request: OfficeHttpRequest) -> HttpResponse:
    """Say which keys leave for which addresses; with `confirmed`, resend them and learn the contacts."""
    changes = _read_changes(request)
    if not changes:
        messages.warning(request, "Cochez au moins une école, ou écrivez son adresse.")
        return redirect("pools:corrections")
    if "confirmed" not in request.POST:
        context = {
            "changes": changes,
            "counted": formatting.pluralize(
                len(changes), "clé part à l'adresse corrigée", "clés partent aux adresses corrigées"
            ),
            "at_once": (
                "L'e-mail part aussitôt et ne se rattrape pas : relisez l'adresse."
                if len(changes) == 1
                else "Les e-mails partent aussitôt et ne se rattrapent pas : relisez les adresses."
            ),
            "same": [change for change in changes if change.is_same],
        }
        return render(request, "pools/correct.html", context)
    recipients = {change.allocation.pk: change.recipient for change in changes}
    results = operations.readdress_many(recipients=recipients, by=request.member.user, at=timezone.now())
    show_results(request, _DONE, results)
    return redirect("pools:corrections")


def _read_changes(request: OfficeHttpRequest) -> Sequence[_Change]:
    """Return what the ticked rows ask for, in the order of the page; rows without an address are left out."""
    ticked = set(request.POST.getlist("ticked"))
    rows = zip(request.POST.getlist("ids")[:PER_PAGE], request.POST.getlist("recipient")[:PER_PAGE], strict=False)
    asked = {
        int(number): recipient.strip()
        for number, recipient in rows
        if number in ticked and re.fullmatch(r"[0-9]{1,18}", number) and recipient.strip()
    }
    found = Allocation.objects.filter(pk__in_array=list(asked)).select_related("school", "pool")
    allocations = {allocation.pk: allocation for allocation in found}
    return [_Change(allocations[number], asked[number]) for number in asked if number in allocations]
