"""« Écoles »: the schools the collectivity answers for. Everybody reads; data officers and managers keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from collectivities import operations
from collectivities.access import office
from collectivities.exceptions import Refused
from collectivities.forms import AddSchoolsForm, ContactForm
from collectivities.models import Role, SchoolInRemit
from collectivities.remit import RemitFilter
from schools import queries as schools
from web.typography import plural

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest
    from collectivities.operations.remit import Added

A_PAGE = 50
#: Results offered to tick; more are narrowed down by another word.
MOST_FOUND = 50
KEEPERS = (Role.DATA_OFFICER, Role.MANAGER)


@office()
@require_GET
def remit_list(request: OfficeRequest) -> HttpResponse:
    """Show the schools with their contact and classes, filtered."""
    rows = SchoolInRemit.objects.select_related("school").order_by(
        "school__commune_folded", "school__name_folded", "school_id"
    )
    chosen = RemitFilter(request.GET, rows)
    page = Paginator(chosen.qs, A_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "collectivities/remit.html",
        {
            "filter": chosen,
            "page_obj": page,
            "filtered": any(request.GET.get(field) for field in chosen.filters),
            "may_change": not set(KEEPERS).isdisjoint(request.member.roles),
        },
    )


@office(*KEEPERS)
@require_http_methods(["GET", "POST"])
def add(request: OfficeRequest) -> HttpResponse:
    """Look schools up and tick them, or paste their UAI."""
    form = AddSchoolsForm()
    if request.method == "POST":
        ticked = request.POST.getlist("uai")
        form = AddSchoolsForm(request.POST if not ticked else None)
        if ticked or form.is_valid():
            uais = ticked or form.cleaned_data["uais"]
            _tell(request, operations.add_to_remit(uais=uais, by=request.member.user, at=timezone.now()))
            return redirect("remit:list")
    sought = request.GET.get("q", "").strip()
    in_remit = set(SchoolInRemit.objects.values_list("school_id", flat=True)) if sought else set()
    found = list(schools.search(sought).filter(~Q(state="closed"))[: MOST_FOUND + 1]) if sought else []
    return render(
        request,
        "collectivities/remit_add.html",
        {
            "form": form,
            "sought": sought,
            "found": [(school, school.pk in in_remit) for school in found[:MOST_FOUND]],
            "more": len(found) > MOST_FOUND,
        },
    )


@office(*KEEPERS)
@require_http_methods(["GET", "POST"])
def edit(request: OfficeRequest, uai: str) -> HttpResponse:
    """Say whom the collectivity writes to at a school."""
    row = get_object_or_404(SchoolInRemit.objects.select_related("school"), school_id=uai)
    form = ContactForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        try:
            operations.set_contact(uai=uai, **form.cleaned_data, by=request.member.user, at=timezone.now())
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"le contact de {row.school.name} est enregistré.")
            return redirect("remit:list")
    return render(request, "collectivities/remit_edit.html", {"form": form, "school": row.school})


@office(*KEEPERS)
@require_POST
def remove(request: OfficeRequest) -> HttpResponse:
    """Take the ticked schools out of the remit."""
    removed = operations.remove_from_remit(uais=request.POST.getlist("uai"), by=request.member.user, at=timezone.now())
    if removed:
        messages.success(
            request,
            f"{plural(removed, 'école')} hors du périmètre ; ce qui leur a été attribué ne change pas.",
        )
    else:
        messages.warning(request, "aucune école n'était cochée : rien n'a changé.")
    return redirect("remit:list")


def _tell(request: OfficeRequest, outcome: Added) -> None:
    if outcome.added:
        messages.success(request, f"{plural(len(outcome.added), 'école ajoutée', 'écoles ajoutées')} au périmètre.")
    if outcome.already:
        messages.info(request, f"déjà dans le périmètre : {plural(len(outcome.already), 'école')}.")
    if outcome.unknown:
        messages.warning(request, f"l'annuaire ne connaît pas {', '.join(outcome.unknown[:20])} : vérifiez-les.")
