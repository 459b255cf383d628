"""« Ajouter les écoles publiques de … »: all schools of a territory at once, with a preview and an undo for an hour."""

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.models import PortfolioSchool
from collectivities.operations import portfolio as additions
from collectivities.queries import get_current_collectivity
from core.exceptions import DomainError
from core.formatting import NO_BREAK_SPACE, number, pluralize
from licensing.pools.models import Allocation
from schools import territory as territories
from schools.territory import Territory
from sites.office.home import are_first_steps_done

#: Schools that the preview names one by one.
MAX_NAMED = 500


class AddTerritoryForm(forms.Form):
    """The number of schools, typed where the addition is a large share of the portfolio."""

    confirmed_count = forms.CharField(
        label="Nombre d'écoles à ajouter", required=False, widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )

    def __init__(self, *args: Any, count: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count = count

    def clean_confirmed_count(self) -> str:
        """Raise `ValidationError` unless the number of schools was typed."""
        typed = re.sub(r"\s", "", self.cleaned_data["confirmed_count"])
        if typed != str(self.count):
            raise forms.ValidationError(f"Pour confirmer, tapez {number(self.count)} dans cette case.")
        return typed


class UndoAdditionForm(forms.Form):
    """The moment of the addition to undo, as the page stated it."""

    added_at = forms.DateTimeField()


@office(Capability.KEEP_SCHOOLS)
@require_http_methods(["GET", "POST"])
def territory_schools(request: OfficeHttpRequest) -> HttpResponse:
    """Show which schools of the territory, or of `?commune=30189`, would be added; by POST, add them.

    Without a territory, and by `?autre=1`, show the communes to choose from, found by `?q=`.
    """
    data = request.POST if request.method == "POST" else request.GET
    query, code = data.get("q", "").strip(), data.get("commune", "").strip()
    found = None
    if code or "autre" not in data:
        found = territories.find_commune(code) if code else territories.find_territory(get_current_collectivity())
    if found is None:
        context = {"query": query, "code": code, "communes": territories.search_communes(query) if query else []}
        return render(request, "office/territory_communes.html", context)
    return _preview_or_add(request, found, code=code, nurseries=data.get("maternelles") == "1")


def _preview_or_add(request: OfficeHttpRequest, territory: Territory, *, code: str, nurseries: bool) -> HttpResponse:
    portfolio = dict(PortfolioSchool.objects.values_list("school_id", "classes"))
    everything = list(territory.list_schools())
    wanted = [school for school in everything if nurseries or school.has_elementary is not False]
    new = [school for school in wanted if school.pk not in portfolio]
    present = [school for school in wanted if school.pk in portfolio]
    form = None
    if additions.must_type_number(added=len(new), before=len(portfolio)):
        form = AddTerritoryForm(request.POST if request.method == "POST" else None, count=len(new))
    status = 200
    if request.method == "POST":
        if form is None or form.is_valid():
            return _add(request, [school.pk for school in new], f"écoles publiques {territory.of_place}")
        status = 422
    context = {
        "place": territory.of_place,
        "code": code,
        "nurseries": nurseries,
        "new": new[:MAX_NAMED],
        "count": len(new),
        "unnamed": max(0, len(new) - MAX_NAMED),
        "present": len(present),
        "present_with_classes": sum(portfolio[school.pk] is not None for school in present),
        "without_elementary": sum(school.has_elementary is False for school in everything),
        "closed": territory.count_closed(),
        "before": len(portfolio),
        "form": form,
    }
    return render(request, "office/territory_schools.html", context, status=status)


def _add(request: OfficeHttpRequest, uais: list[str], what: str) -> HttpResponse:
    added = additions.add_schools(uais=uais, what=what, by=request.member.user, at=timezone.now())
    if added:
        words = pluralize(len(added), "école ajoutée", "écoles ajoutées")
        messages.success(request, f"{words} à votre périmètre.")
    else:
        messages.info(request, "Ces écoles sont déjà toutes dans votre périmètre : rien n'a changé.")
    return redirect("portfolio:list" if are_first_steps_done() else "home")


@office(Capability.KEEP_SCHOOLS)
@require_http_methods(["GET", "POST"])
def undo_addition(request: OfficeHttpRequest) -> HttpResponse:
    """Say what undoing `?added_at=` removes; by POST, undo it, within the hour. Schools that hold something stay."""
    form = UndoAdditionForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        if request.method != "POST":
            return redirect("portfolio:list")
        return HttpResponseBadRequest("added_at must be the moment of an addition.")
    added_at, now = form.cleaned_data["added_at"], timezone.now()
    holding = Allocation.objects.active().values("school_id")
    back = "portfolio:list" if are_first_steps_done() else "home"
    try:
        undone = additions.preview_undo(added_at=added_at, holding=holding, at=now)
        guard = additions.build_undo_guard(removed=len(undone.removed), before=PortfolioSchool.objects.count())
        fault = ""
        if request.method == "POST" and guard is not None:
            fault = guard.find_fault(request.POST.get("confirmed_count", ""), "cette annulation")
        if undone.removed and (request.method != "POST" or fault):
            context = {"added_at": added_at, "removed": len(undone.removed), "kept": undone.kept}
            context |= {"guard": guard, "fault": fault, "back": back}
            return render(request, "office/territory_schools_undo.html", context, status=422 if fault else 200)
        if undone.removed:
            undone = additions.undo_addition(added_at=added_at, holding=holding, by=request.member.user, at=now)
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        _show_undone(request, undone)
    return redirect(back)


def _show_undone(request: OfficeHttpRequest, undone: additions.UndoneAddition) -> None:
    removed, kept = len(undone.removed), undone.kept
    stay = f"{number(kept)}{NO_BREAK_SPACE}{'reste' if kept == 1 else 'restent'}, qui ont depuis un contact, un nombre "
    stay += "de classes ou des licences"
    if removed:
        words = f"ajout annulé, {pluralize(removed, 'école')} hors de votre périmètre"
        messages.success(request, f"{words} ; {stay}." if kept else f"{words}.")
    elif kept:
        messages.warning(request, f"rien n'a été retiré : {stay}.")
    else:
        messages.info(request, "Cet ajout a déjà été annulé : il n'y a plus rien à retirer.")
