"""Changes of the portfolio, by data officers and managers. Its list is in `sites.office`."""

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.forms import AddSchoolsForm
from collectivities.models import PortfolioSchool
from collectivities.operations import portfolio as operations
from collectivities.operations.portfolio import AddedSchools, remove_from_portfolio
from core.formatting import pluralize
from schools import queries as schools

#: Maximum number of search results; beyond, users refine the search.
MAX_RESULTS = 50


@office(Capability.KEEP_SCHOOLS)
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


@office(Capability.KEEP_SCHOOLS)
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
