"""What managers answer: what accepting will do, then one gift for several schools; or a refusal with a sentence."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.models import Letter, Role
from collectivities.operations import letters
from core import formatting
from licensing.exceptions import LicensingError
from licensing.pools.models import Pool
from licensing.requests import operations
from licensing.requests.exceptions import BadRequestSentence
from licensing.requests.models import LicenceRequest
from licensing.requests.operations.decisions import MAX_GRANTED
from licensing.requests.preview import build_guard, list_waiting, preview_acceptance
from licensing.requests.views.request_list import get_office, render_list

#: More than a page of the list holds.
_MAX_CHOSEN = 200
_CHANGED = "Ce qui va se passer a changé depuis que vous l'avez lu. Rien n'est fait : relisez, puis confirmez."


@require_POST
@office(Role.MANAGER)
def decide(request: OfficeHttpRequest) -> HttpResponse:
    """Accept the ticked requests, once a page has stated what that gives, or refuse them with the sentence typed."""
    action = request.POST.get("action", "")
    if action not in {"accepter", "refuser"}:
        raise Http404("No such action.")
    chosen = _get_chosen(request)
    waiting = list_waiting(get_office(), chosen)
    if not chosen:
        return _refuse(request, "Cochez au moins une demande.", chosen, field="")
    if len(waiting) < len(chosen):
        gone = "Une demande cochée n'attend plus de réponse : la liste ci-dessous est à jour. Rien n'est fait."
        return _refuse(request, gone, chosen, field="", status=409)
    if action == "refuser":
        return _refuse_requests(request, chosen)
    return _accept(request, waiting)


def _get_chosen(request: OfficeHttpRequest) -> list[int]:
    ids = [one for one in request.POST.getlist("demandes") if re.fullmatch(r"[0-9]{1,18}", one)]
    return list(dict.fromkeys(int(one) for one in ids))[:_MAX_CHOSEN]


def _refuse_requests(request: OfficeHttpRequest, chosen: list[int]) -> HttpResponse:
    sentence = request.POST.get("phrase", "")
    try:
        refused = operations.refuse_requests(
            request_ids=chosen, sentence=sentence, by=request.member.user, at=timezone.now()
        )
    except BadRequestSentence as refusal:
        return _refuse(request, str(refusal), chosen, field="phrase")
    except LicensingError as refusal:
        return _refuse(request, str(refusal), chosen, field="", status=409)
    done = formatting.pluralize(len(refused), "demande refusée", "demandes refusées")
    informed = "la direction qui avait demandé" if len(refused) == 1 else "chaque direction qui avait demandé"
    messages.success(request, f"{done} : {informed} reçoit votre phrase par e-mail.")
    return redirect("requests:list")


def _accept(request: OfficeHttpRequest, waiting: list[LicenceRequest]) -> HttpResponse:
    chosen = [one.pk for one in waiting]
    lot = request.POST.get("lot", "")
    pools = Pool.objects.prefetch_related("entitlement__product")
    pool = pools.filter(pk=int(lot)).first() if re.fullmatch(r"[0-9]{1,18}", lot) else None
    if pool is None:
        return _refuse(request, "Choisissez le lot dont les licences viennent.", chosen, field="lot")
    units: dict[int, int] = {}
    for one in waiting:
        typed = re.sub(r"\s", "", request.POST.get(f"licences-{one.pk}", str(one.units)))
        if not re.fullmatch(r"[0-9]{1,9}", typed) or not 1 <= int(typed) <= MAX_GRANTED:
            fault = f"Donnez à chaque école entre 1 et {formatting.number(MAX_GRANTED)} licences."
            return _refuse(request, fault, chosen, field=f"licences-{one.pk}")
        units[one.pk] = int(typed)
    now = timezone.now()
    preview = preview_acceptance(pool, waiting, units)
    guard = build_guard(preview, now)
    confirmed, fault, notice, status = request.POST.get("confirmed"), "", "", 200
    if confirmed is not None and confirmed != str(preview.units):
        notice, status = _CHANGED, 409
    elif confirmed is not None and guard is not None:
        fault = guard.find_fault(request.POST.get("confirmed_count", ""), "cette réponse")
        status = 422 if fault else 200
    if preview.obstacle:
        status = 409
    elif confirmed is not None and not notice and not fault:
        grants = [operations.GrantedUnits(pk, count) for pk, count in units.items()]
        try:
            operations.accept_requests(pool_id=pool.pk, grants=grants, by=request.member.user, at=now)
        except LicensingError as refusal:
            notice, status = str(refusal), 409
        else:
            given = formatting.pluralize(preview.units, "licence donnée", "licences données")
            messages.success(request, f"{given} à {formatting.pluralize(len(units), 'école')} : les e-mails partent.")
            return redirect("requests:list")
    context = {"preview": preview, "guard": guard, "fault": fault, "notice": notice}
    return render(request, "requests/accept.html", context, status=status)


def _refuse(
    request: OfficeHttpRequest, refusal: str, chosen: list[int], *, field: str, status: int = 422
) -> HttpResponse:
    """Return the list with what was ticked and typed, and why nothing was done."""
    prefix = "licences-"
    typed = {
        int(name.removeprefix(prefix)): str(value)[:20]
        for name, value in request.POST.items()
        if re.fullmatch(rf"{prefix}[0-9]{{1,18}}", name)
    }
    kept: dict[str, Any] = {"sentence": request.POST.get("phrase", "")[:1000], "lot": request.POST.get("lot", "")}
    return render_list(request, status=status, ticked=chosen, typed=typed, refusal=refusal, refused_field=field, **kept)


@require_POST
@office(Role.MANAGER)
def choose_letters(request: OfficeHttpRequest) -> HttpResponse:
    """Have the e-mail about waiting requests sent to the manager, or not."""
    wanted = "oui" in request.POST.getlist("e-mails")
    letters.choose_letters(member=request.member, wanted={Letter.REQUESTS: wanted}, at=timezone.now())
    message = (
        "Vous recevrez un e-mail quand une école demande" if wanted else "Vous ne recevrez plus d'e-mail des demandes"
    )
    messages.success(request, f"{message}.")
    return redirect("requests:list")
