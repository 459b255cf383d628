"""« Écoles »: the portfolio. All members may read; data officers and managers change."""

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

PAGE_SIZE = 50
#: Maximum number of search results; beyond, users refine the search.
MAX_RESULTS = 50
EDITORS = (Role.DATA_OFFICER, Role.MANAGER)


@office()
@require_GET
def remit_list(request: OfficeRequest) -> HttpResponse:
    """List filtered portfolio schools with contact and classes."""
    rows = SchoolInRemit.objects.select_related("school").order_by(
        "school__commune_folded", "school__name_folded", "school_id"
    )
    school_filter = RemitFilter(request.GET, rows)
    page = Paginator(school_filter.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(
        request,
        "collectivities/remit.html",
        {
            "filter": school_filter,
            "page_obj": page,
            "filtered": any(request.GET.get(field) for field in school_filter.filters),
            "may_change": not set(EDITORS).isdisjoint(request.member.roles),
        },
    )


@office(*EDITORS)
@require_http_methods(["GET", "POST"])
def add(request: OfficeRequest) -> HttpResponse:
    """Add schools that were found by a search, or pasted UAI."""
    form = AddSchoolsForm()
    if request.method == "POST":
        selected = request.POST.getlist("uai")
        form = AddSchoolsForm(request.POST if not selected else None)
        if selected or form.is_valid():
            uais = selected or form.cleaned_data["uais"]
            _add_messages(request, operations.add_to_remit(uais=uais, by=request.member.user, at=timezone.now()))
            return redirect("remit:list")
    query = request.GET.get("q", "").strip()
    in_remit = set(SchoolInRemit.objects.values_list("school_id", flat=True)) if query else set()
    found = list(schools.search(query).filter(~Q(state="closed"))[: MAX_RESULTS + 1]) if query else []
    return render(
        request,
        "collectivities/remit_add.html",
        {
            "form": form,
            "sought": query,
            "found": [(school, school.pk in in_remit) for school in found[:MAX_RESULTS]],
            "more": len(found) > MAX_RESULTS,
        },
    )


@office(*EDITORS)
@require_http_methods(["GET", "POST"])
def edit(request: OfficeRequest, uai: str) -> HttpResponse:
    """Edit the contact of a school."""
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


@office(*EDITORS)
@require_POST
def remove(request: OfficeRequest) -> HttpResponse:
    """Remove the selected schools from the portfolio."""
    removed = operations.remove_from_remit(uais=request.POST.getlist("uai"), by=request.member.user, at=timezone.now())
    if removed:
        messages.success(
            request,
            f"{plural(removed, 'école')} hors du périmètre ; ce qui leur a été attribué ne change pas.",
        )
    else:
        messages.warning(request, "aucune école n'était cochée : rien n'a changé.")
    return redirect("remit:list")


def _add_messages(request: OfficeRequest, result: Added) -> None:
    if result.added:
        messages.success(request, f"{plural(len(result.added), 'école ajoutée', 'écoles ajoutées')} au périmètre.")
    if result.already:
        messages.info(request, f"déjà dans le périmètre : {plural(len(result.already), 'école')}.")
    if result.unknown:
        messages.warning(request, f"l'annuaire ne connaît pas {', '.join(result.unknown[:20])} : vérifiez-les.")
