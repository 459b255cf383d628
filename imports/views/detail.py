"""One import, at whatever step it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseClientRefresh

from accounts.models import User
from imports import queries
from imports.columns import letters
from imports.enums import ImportState, Verdict
from imports.forms import LayoutForm
from imports.meanings import LABELS, Meaning
from imports.models import Import
from imports.views import APPLIERS, PREPARERS
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest

PER_PAGE = 50
TABS = {
    Verdict.NEW: "Nouvelles",
    Verdict.CHANGED: "Augmentées",
    Verdict.UNCHANGED: "Inchangées",
    Verdict.CONFLICT: "Conflits",
    Verdict.ERROR: "Erreurs",
    Verdict.IGNORED: "Ignorées",
}
BUSY = (ImportState.UPLOADED, ImportState.APPLYING)
STEPS = {ImportState.READ: 2, ImportState.CHECKED: 2, ImportState.APPLYING: 3, ImportState.APPLIED: 3}


@opened(PREPARERS)
@require_GET
def table(request: OfficeRequest, pk: int) -> HttpResponse:
    """Show an import: its progress, its questions, its rows, its result or its refusal."""
    found = get_object_or_404(Import.objects.select_related("pool__source"), pk=pk)
    context: dict[str, Any] = {
        "table": found,
        "step": STEPS.get(ImportState(found.state), 1),
        "busy": found.state in BUSY,
        "earlier": queries.same_file(found) if found.state != ImportState.APPLIED else None,
        "who": person(found.created_by_id),
        "applied_by": person(found.applied_by_id) if found.applied_at else None,
    }
    if found.state in (ImportState.READ, ImportState.CHECKED):
        context["layout_form"] = LayoutForm(table=found)
        context["columns"] = columns_of(found)
    if found.state == ImportState.CHECKED:
        context |= verification(request, found)
    return render(request, f"imports/{_template(found)}.html", context)


def person(user_id: int | None) -> User | None:
    """Return who did it; None for the command line."""
    return User.objects.filter(pk=user_id).first() if user_id else None


def _template(found: Import) -> str:
    return {
        ImportState.UPLOADED: "waiting",
        ImportState.APPLYING: "waiting",
        ImportState.READ: "questions",
        ImportState.CHECKED: "verification",
        ImportState.APPLIED: "applied",
        ImportState.REJECTED: "rejected",
        ImportState.CANCELLED: "cancelled",
    }[ImportState(found.state)]


def columns_of(found: Import) -> list[tuple[str, str, str]]:
    """Return what was read as what: label, title, column."""
    titles = found.layout.get("titles", [])
    return [
        (LABELS[Meaning(meaning)], titles[index] or "sans titre", letters(index))
        for meaning, index in found.layout.get("columns", {}).items()
    ]


def filters_of(request: OfficeRequest) -> tuple[str, str]:
    """Return the tab and the search that a request asks for, by query or by form."""
    asked = request.POST if request.method == "POST" else request.GET
    verdict = asked.get("onglet", "")
    return (verdict if verdict in Verdict.values else "", asked.get("q", "").strip()[:100])


def verification(request: OfficeRequest, found: Import) -> dict[str, Any]:
    """Return what the page « Vérification » shows: the tabs, the total, one page of rows."""
    verdict, text = filters_of(request)
    rows = queries.rows(found, verdict=verdict, text=text)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    return summary(request, found, verdict=verdict, text=text) | {"page_obj": page, "rows": page.object_list}


def summary(request: OfficeRequest, found: Import, *, verdict: str, text: str) -> dict[str, Any]:
    """Return what stays in view: the counts by verdict, and what the ticked rows come to."""
    counts = queries.counts_of([found.pk])[found.pk]
    address = reverse("imports:detail", args=[found.pk])
    tabs = [{"label": "Toutes", "count": sum(counts.values()), "url": _with(address, "", text), "current": not verdict}]
    tabs += [
        {
            "label": label,
            "count": counts.get(value.value, 0),
            "url": _with(address, value.value, text),
            "current": verdict == value,
        }
        for value, label in TABS.items()
    ]
    return {
        "table": found,
        "tabs": tabs,
        "errors": counts.get(Verdict.ERROR, 0),
        "tally": queries.tally(found),
        "onglet": verdict,
        "q": text,
        "may_apply": bool(APPLIERS.roles & set(request.member.roles)),
    }


def _with(address: str, verdict: str, text: str) -> str:
    query = urlencode({key: value for key, value in (("onglet", verdict), ("q", text)) if value})
    return f"{address}?{query}" if query else address


@opened(PREPARERS)
@require_GET
def progress(request: OfficeRequest, pk: int) -> HttpResponse:
    """How far the worker is; when it is done, the page is asked for anew."""
    found = get_object_or_404(Import, pk=pk)
    if found.state not in BUSY:
        return HttpResponseClientRefresh()
    return render(request, "imports/_progress.html", {"table": found})
