"""Page of an import, by state, and progress of its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseClientRefresh

from accounts.models import User
from imports import queries
from imports.enums import ImportState, Purpose
from imports.layout_form import LayoutForm
from imports.models import Import
from imports.progress import seen
from imports.views import APPLIERS, PREPARERS
from imports.views.annotated import annotation
from imports.views.verification import shown
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpResponse

    from collectivities.access import OfficeRequest

LEFT_A_PAGE = 100
#: States in which a worker is active.
BUSY = (ImportState.UPLOADED, ImportState.APPLYING)
#: Step shown for each state: file (1), verification (2), application (3).
STEPS = {
    ImportState.READ: 2,
    ImportState.CHECKED: 2,
    ImportState.APPLYING: 3,
    ImportState.APPLIED: 3,
    ImportState.UNDONE: 3,
}
TEMPLATES = {
    ImportState.READ: "layout",
    ImportState.CHECKED: "verification",
    ImportState.APPLIED: "applied",
    ImportState.UNDONE: "undone",
    ImportState.REJECTED: "rejected",
    ImportState.CANCELLED: "cancelled",
}


@opened(PREPARERS)
@require_GET
def table(request: OfficeRequest, pk: int) -> HttpResponse:
    """Show an import: progress, questions, rows, result or reason for rejection, by state."""
    found = get_object_or_404(Import.objects.select_related("pool__source"), pk=pk)
    state = ImportState(found.state)
    context = frame(found)
    watched = watched_of(found)
    if watched is not None:
        return render(request, "imports/waiting.html", context | watched)
    if state is ImportState.READ:
        context |= questions(LayoutForm(table=found))
    if state is ImportState.CHECKED:
        context |= shown(request, found) | annotation(found)
    if state is ImportState.APPLIED:
        context["may_apply"] = bool(APPLIERS.roles & set(request.member.roles))
    if state is ImportState.UNDONE:
        left = found.outcome.get("undone", {}).get("left", [])
        context["page_obj"] = Paginator(left, LEFT_A_PAGE).get_page(request.GET.get("page"))
    return render(request, f"imports/{TEMPLATES[state]}.html", context)


def watched_of(found: Import) -> dict[str, Any] | None:
    """Return the template context of the progress, None if no worker is active."""
    state = ImportState(found.state)
    progress = seen(found.pk, at=timezone.now()) if state in (*BUSY, ImportState.APPLIED) else None
    if state not in BUSY and progress is None:
        return None
    gives = found.purpose == Purpose.ATTRIBUTION
    if state is ImportState.APPLIED:
        doing = "L’import se défait…"
    elif state is ImportState.UPLOADED:
        doing = "Lecture du fichier…"
    else:
        doing = "Attribution en cours…" if gives else "Mise à jour du périmètre…"
    return {
        "table": found,
        "busy": True,
        "doing": doing,
        "progress": progress,
        # Undoing cannot be cancelled.
        "may_cancel": state in BUSY,
    }


def questions(form: LayoutForm) -> dict[str, Any]:
    """Return the template context of the layout form."""
    settled, others = form.columns()
    return {"layout_form": form, "settled": settled, "others": others}


def frame(found: Import) -> dict[str, Any]:
    """Return the template context common to all steps: step, people, related imports."""
    state = ImportState(found.state)
    people = User.objects.in_bulk(
        [pk for pk in {found.created_by_id, found.applied_by_id, found.undone_by_id} if pk is not None]
    )
    before = state not in (ImportState.APPLIED, ImportState.UNDONE)
    return {
        "table": found,
        "gives": found.purpose == Purpose.ATTRIBUTION,
        "step": STEPS.get(state, 1),
        "busy": state in BUSY,
        "earlier": queries.same_file(found) if before else None,
        "corrected": Import.objects.filter(pk=found.corrects_id).first() if found.corrects_id and before else None,
        "who": people.get(found.created_by_id or 0),
        "applied_by": people.get(found.applied_by_id or 0),
        "undone_by": people.get(found.undone_by_id or 0),
    }


@opened(PREPARERS)
@require_GET
def progress(request: OfficeRequest, pk: int) -> HttpResponse:
    """Render the progress; refresh the page when the worker is done."""
    watched = watched_of(get_object_or_404(Import, pk=pk))
    return HttpResponseClientRefresh() if watched is None else render(request, "imports/_progress.html", watched)
