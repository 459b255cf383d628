"""« Écoles »: the portfolio. All members may read; data officers and managers change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from collectivities.access import office
from collectivities.exceptions import CollectivityError
from collectivities.forms import AddSchoolsForm, SchoolContactForm
from collectivities.models import PortfolioSchool, Role
from collectivities.operations import portfolio as operations
from collectivities.operations.portfolio_store import remove_from_portfolio
from collectivities.portfolio_filter import PortfolioFilter
from core.formatting import pluralize
from schools import queries as schools

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeHttpRequest
    from collectivities.operations.portfolio import AddedSchools

PAGE_SIZE = 50
#: Maximum number of search results; beyond, users refine the search.
MAX_RESULTS = 50
EDITORS = (Role.DATA_OFFICER, Role.MANAGER)


@office()
@require_GET
def portfolio_list(request: OfficeHttpRequest) -> HttpResponse:
    """List filtered portfolio schools with contact and classes."""
    rows = PortfolioSchool.objects.select_related("school").order_by(
        "school__commune_folded", "school__name_folded", "school_id"
    )
    school_filter = PortfolioFilter(request.GET, rows)
    page = Paginator(school_filter.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(
        request,
        "collectivities/portfolio.html",
        {
            "filter": school_filter,
            "page_obj": page,
            "filtered": any(request.GET.get(field) for field in school_filter.filters),
            "may_change": not set(EDITORS).isdisjoint(request.member.roles),
        },
    )


@office(*EDITORS)
@require_http_methods(["GET", "POST"])
def add(request: OfficeHttpRequest) -> HttpResponse:
    """Add schools that were found by a search, or pasted UAI."""
    form = AddSchoolsForm()
    if request.method == "POST":
        selected = request.POST.getlist("uai")
        form = AddSchoolsForm(request.POST if not selected else None)
        if selected or form.is_valid():
            uais = selected or form.cleaned_data["uais"]
            _add_messages(request, operations.add_to_portfolio(uais=uais, by=request.member.user, at=timezone.now()))
            return redirect("portfolio:list")
    query = request.GET.get("q", "").strip()
    in_portfolio = set(PortfolioSchool.objects.values_list("school_id", flat=True)) if query else set()
    found = list(schools.search(query).filter(~Q(state="closed"))[: MAX_RESULTS + 1]) if query else []
    return render(
        request,
        "collectivities/portfolio_add.html",
        {
            "form": form,
            "query": query,
            "found": [(school, school.pk in in_portfolio) for school in found[:MAX_RESULTS]],
            "more": len(found) > MAX_RESULTS,
        },
    )


@office(*EDITORS)
@require_http_methods(["GET", "POST"])
def edit(request: OfficeHttpRequest, uai: str) -> HttpResponse:
    """Edit the contact of a school."""
    row = get_object_or_404(PortfolioSchool.objects.select_related("school"), school_id=uai)
    form = SchoolContactForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        try:
            operations.set_contact(uai=uai, **form.cleaned_data, by=request.member.user, at=timezone.now())
        except CollectivityError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"le contact de {row.school.name} est enregistré.")
            return redirect("portfolio:list")
    return render(request, "collectivities/portfolio_edit.html", {"form": form, "school": row.school})


@office(*EDITORS)
@require_POST
def remove(request: OfficeHttpRequest) -> HttpResponse:
    """Remove the selected schools from the portfolio."""
    removed = remove_from_portfolio(
        uais=request.POST.getlist("uai"), by=request.member.user, at=timezone.now(), one_by_one=True
    )
    if removed:
        messages.success(
            request,
            f"{pluralize(len(removed), 'école')} hors du périmètre ; ce qui leur a été attribué ne change pas.",
        )
    else:
        messages.warning(request, "aucune école n'était cochée : rien n'a changé.")
    return redirect("portfolio:list")


def _add_messages(request: OfficeHttpRequest, result: AddedSchools) -> None:
    if result.added:
        messages.success(request, f"{pluralize(len(result.added), 'école ajoutée', 'écoles ajoutées')} au périmètre.")
    if result.existing:
        messages.info(request, f"déjà dans le périmètre : {pluralize(len(result.existing), 'école')}.")
    if result.unknown:
        messages.warning(request, f"l'annuaire ne connaît pas {', '.join(result.unknown[:20])} : vérifiez-les.")
