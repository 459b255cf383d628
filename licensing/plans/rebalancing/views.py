"""« Rééquilibrer »: the lots and what was moved; a plan as an editable list, judged, then applied as a whole."""

import re
from typing import NamedTuple

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import DomainError
from licensing.plans.rebalancing import operations
from licensing.plans.rebalancing.models import LicenceMove, Rebalancing
from licensing.plans.rebalancing.operations import PlanOutdated
from licensing.plans.rebalancing.plan import Plan, build_plan
from licensing.pools.models import Pool
from licensing.pools.positions import list_pool_positions
from web.page_actions import page_action

#: Rebalancings that the page recalls.
_MAX_PAST = 20
#: Names of the fields of a plan: what is taken of an allocation, what is given to a school.
_TAKEN, _GIVEN = re.compile(r"prendre-([0-9]{1,18})"), re.compile(r"donner-([0-9A-Z]{8})")
_NUMBER = re.compile(r"[0-9]{1,7}")


class WantedNumbers(NamedTuple):
    """The numbers of a plan as they were typed, and the fields that hold no number."""

    taken: dict[int, int]
    given: dict[str, int]
    asked: frozenset[int]
    faults: list[str]


@office(Capability.GIVE_LICENCES)
@require_GET
def rebalancing_list(request: OfficeHttpRequest) -> HttpResponse:
    """Show the lots that can be rebalanced, and the last rebalancings with the undo of those of the hour."""
    now = timezone.now()
    today = date_in_paris(now)
    past = list(
        Rebalancing.objects.select_related("pool")
        .order_by("-applied_at", "-pk")
        .annotate(answers=Count("moves__request"))[:_MAX_PAST]
    )
    context = {
        "lots": [one for one in list_pool_positions() if one.entitlement.available_on(today)],
        "past": [(one, one.undone_at is None and now < one.undoable_until) for one in past],
    }
    return render(request, "rebalancing/list.html", context)


@office(Capability.GIVE_LICENCES)
@require_http_methods(["GET", "POST"])
def plan(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Propose a plan; judge the numbers that were typed; apply them where they are what was shown."""
    pool = get_object_or_404(Pool.objects.prefetch_related("entitlement"), pk=pk)
    now = timezone.now()
    if request.method == "GET":
        return _render(request, build_plan(pool, now))
    wanted, shown = _read(request.POST), request.POST.get("empreinte", "")
    found = build_plan(pool, now, taken=wanted.taken, given=wanted.given, asked=wanted.asked)
    found.refusals += wanted.faults
    if found.is_empty and not found.is_refused:
        found.refusals.append("Ce plan ne change rien : indiquez ce qui est repris, donné ou demandé.")
    if request.POST.get("acte") != "appliquer" or found.is_refused:
        return _render(request, found, checked=True, status=422 if found.is_refused else 200)
    guard = found.build_guard()
    fault = guard.find_fault(request.POST.get("confirmed_count", ""), "ce plan") if guard is not None else ""
    if fault:
        return _render(request, found, checked=True, fault=fault, status=422)
    try:
        made = operations.rebalance(
            pool_id=pk,
            taken=wanted.taken,
            given=wanted.given,
            asked=wanted.asked,
            expected=shown,
            by=request.member.user,
            at=now,
        )
    except PlanOutdated as refusal:
        pool.refresh_from_db()
        anew = build_plan(pool, now, taken=wanted.taken, given=wanted.given, asked=wanted.asked)
        return _render(request, anew, checked=True, notice=str(refusal), status=409)
    except DomainError as refusal:
        return _render(request, found, checked=True, notice=str(refusal), status=409)
    _show_done(request, found, has_moves=made is not None)
    return redirect("rebalancing:list")


def _show_done(request: OfficeHttpRequest, done: Plan, *, has_moves: bool) -> None:
    words = []
    if has_moves:
        moved = formatting.pluralize(done.moved, "licence est déplacée", "licences sont déplacées")
        words.append(f"{moved}. Vous pouvez annuler pendant une heure ; aucune école n'est prévenue d'ici là.")
    if done.answered:
        words.append(done.describe_answers())
    if done.asks:
        words.append(f"{formatting.pluralize(len(done.asks), 'école est sollicitée', 'écoles sont sollicitées')}.")
    messages.success(request, " ".join(words))


def _read(form: QueryDict) -> WantedNumbers:
    taken: dict[int, int] = {}
    given: dict[str, int] = {}
    faults = []
    for name in form:
        source, need = _TAKEN.fullmatch(name), _GIVEN.fullmatch(name)
        if source is None and need is None:
            continue
        text = re.sub(r"\s", "", form.get(name, "")) or "0"
        if not _NUMBER.fullmatch(text):
            faults.append(f"« {text[:12]} » n'est pas un nombre de licences : corrigez-le.")
        elif source is not None:
            taken[int(source[1])] = int(text)
        elif need is not None:
            given[need[1]] = int(text)
    asked = frozenset(int(one) for one in form.getlist("demander") if re.fullmatch(r"[0-9]{1,18}", one))
    return WantedNumbers(taken, given, asked, faults)


def _render(
    request: OfficeHttpRequest,
    found: Plan,
    *,
    checked: bool = False,
    notice: str = "",
    fault: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "plan": found,
        "pool": found.pool,
        "checked": checked,
        # Schools need licences, and the proposal takes none for them.
        "free_suffice": not checked and not found.taken and bool(found.given),
        "lines": found.describe() if checked and not found.is_refused else [],
        "guard": found.build_guard() if checked and not found.is_refused else None,
        "may_apply": checked and not found.is_refused and not found.is_empty,
        "notice": notice,
        "fault": fault,
    }
    return render(request, "rebalancing/plan.html", context, status=status)


@office(Capability.GIVE_LICENCES)
@require_POST
@page_action("rebalancing:list")
def undo(request: OfficeHttpRequest, pk: int) -> str:
    """Undo a rebalancing of the last hour, as a whole."""
    get_object_or_404(Rebalancing, pk=pk)
    answered = LicenceMove.objects.filter(rebalancing=pk, request__isnull=False).exists()
    operations.undo_rebalancing(rebalancing_id=pk, by=request.member.user, at=timezone.now())
    done = "Le rééquilibrage est annulé : chaque école a ce qu'elle avait, et aucune n'est prévenue."
    return f"{done} Les demandes qu'il accordait attendent de nouveau." if answered else done
