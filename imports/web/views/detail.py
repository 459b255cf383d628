"""Page of an import, by state: progress, verification, annotated workbook."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseClientRefresh

from accounts.models import User
from collectivities.access import OfficeHttpRequest
from collectivities.models import Member, Role
from core import formatting
from core.calendar import date_in_paris
from imports import queries
from imports.enums import ImportState, Purpose
from imports.meanings import Meaning
from imports.models import ImportRow, SpreadsheetImport
from imports.parsing.questions import SOURCE_MISSING
from imports.progress import get_current_progress
from imports.requested_licences import get_requested_licences, list_pool_choices
from imports.web.layout_form import LayoutForm
from imports.web.views import APPLIERS, PREPARERS
from imports.web.views.annotated import build_annotation_context
from imports.web.views.verification import build_verification_context
from licensing.renewals.queries import list_years
from licensing.requests.school_years import format_school_year
from schools.wording import format_school_name
from web.access import require_policy

KEPT_ROWS_PER_PAGE = 100
APPLIED_ROWS_PER_PAGE = 50
#: Rows set aside that the page of an applied import names; the others are counted.
MAX_NAMED_ROWS = 5
#: States in which a worker is active.
BUSY_STATES = (ImportState.UPLOADED, ImportState.APPLYING)
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


@require_policy(PREPARERS)
@require_GET
def import_detail(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show an import: progress, questions, rows, result or reason for rejection, by state."""
    found = get_object_or_404(queries.list_with_pools(), pk=pk)
    state = ImportState(found.state)
    context = build_common_context(found)
    watched = build_progress_context(found)
    if watched is not None:
        return render(request, "imports/waiting.html", context | watched)
    if state is ImportState.READ:
        context |= build_layout_context(LayoutForm(spreadsheet_import=found))
    if state is ImportState.CHECKED:
        context |= build_verification_context(request, found) | build_annotation_context(found)
        if context["wait"] and not context["request_change"]:
            context["step"] = 3
    if state is ImportState.APPLIED:
        context["set_aside"] = _describe_rows_set_aside(found)
        today = date_in_paris(timezone.now())
        context |= {
            "applied_count": queries.filter_rows(found, ticked=True).count(),
            "unsent": queries.list_emails(found).unsent().count() if found.outcome.get("messages") else 0,
            "may_apply": bool(APPLIERS.roles & set(request.member.roles)),
            "buys": Role.BUYER in request.member.roles,
            "requested_licences": get_requested_licences(found, today),
            "open_pools": [] if found.purpose == Purpose.ALLOCATION else list_pool_choices(today),
        }
    if state in (ImportState.CHECKED, ImportState.APPLIED):
        context["renewal_year"] = _find_renewal_year(found, request.member)
    if state is ImportState.CANCELLED:
        context["successor"] = queries.find_successor(found)
    if state is ImportState.UNDONE:
        kept = found.outcome.get("undone", {}).get("kept", [])
        context["page_obj"] = Paginator(kept, KEPT_ROWS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, f"imports/{TEMPLATES[state]}.html", context)


def _find_renewal_year(found: SpreadsheetImport, member: Member) -> str:
    """Return the school year that the numbers of a list may be taken for by the member; empty for none."""
    takes = {Role.BUYER, Role.MANAGER}.intersection(member.roles)
    if not takes or found.purpose != Purpose.PORTFOLIO or Meaning.UNITS not in found.layout.columns:
        return ""
    years = list_years(date_in_paris(timezone.now()))
    return format_school_year(years[0]) if years else ""


@require_policy(PREPARERS)
@require_GET
def applied_rows(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show the rows that an import applied, and what was done by each."""
    found = get_object_or_404(queries.list_with_pools(), pk=pk)
    if found.applied_at is None or found.contents_deleted_at is not None:
        return redirect("imports:detail", pk=pk)
    rows = queries.filter_rows(found, ticked=True)
    page = Paginator(rows, APPLIED_ROWS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "imports/applied_rows.html", build_common_context(found) | {"page_obj": page})


class RowsSetAside(NamedTuple):
    """Rows of an applied import that were set aside, in number and in words."""

    rows: int
    #: « 2 lignes mises de côté : ligne 7 (École Tamaris – Alès) et ligne 9 ».
    text: str


def _describe_rows_set_aside(found: SpreadsheetImport) -> RowsSetAside | None:
    """Return the rows that were set aside, None without one. One query."""
    rows = ImportRow.objects.filter(import_id=found.pk, set_aside=True).order_by("sheet", "number")
    labels = [
        f"ligne {number}" + (f" ({format_school_name(label)})" if label else "")
        for number, label in rows.values_list("number", "label")
    ]
    if not labels:
        return None
    words = formatting.join_first(labels, MAX_NAMED_ROWS)
    put_aside = formatting.pluralize(len(labels), "ligne mise de côté", "lignes mises de côté")
    return RowsSetAside(len(labels), formatting.add_nonbreaking_spaces(f"{put_aside} : {words}"))


def build_progress_context(found: SpreadsheetImport) -> dict[str, Any] | None:
    """Return the template context of the progress, None if no worker is active."""
    state = ImportState(found.state)
    progress = (
        get_current_progress(found.pk, at=timezone.now()) if state in (*BUSY_STATES, ImportState.APPLIED) else None
    )
    if state not in BUSY_STATES and progress is None:
        return None
    is_allocation = found.purpose == Purpose.ALLOCATION
    if state is ImportState.APPLIED:
        doing = "L’import se défait…"
    elif state is ImportState.UPLOADED:
        doing = "Lecture du fichier…"
    else:
        doing = "Attribution en cours…" if is_allocation else "Mise à jour du périmètre…"
    return {
        "spreadsheet_import": found,
        "busy": True,
        "doing": doing,
        "progress": progress,
        # Undoing cannot be cancelled.
        "may_cancel": state in BUSY_STATES,
    }


def build_layout_context(form: LayoutForm) -> dict[str, Any]:
    """Return the template context of the layout form."""
    settled, others = form.columns()
    asks_volume = any(question.code == SOURCE_MISSING for question in form.open_questions)
    column_questions = [question for question in form.open_questions if question.code != SOURCE_MISSING]
    open_fields = form.answer_fields(is_open=True)
    shown_above = {field.name for field in open_fields} | ({"volume", "units_for_all"} if asks_volume else set())
    return {
        "layout_form": form,
        "settled": settled,
        "others": others,
        "faults": form.list_faults() if form.is_bound else [],
        "open_fields": open_fields,
        "answered_fields": form.answer_fields(is_open=False),
        "column_questions": column_questions,
        "asks_volume": asks_volume,
        "question_count": len(open_fields) + len(form.open_questions),
        "asks_columns": asks_volume or bool(column_questions),
        "has_folded_faults": form.is_bound and bool(form.errors.keys() - shown_above),
    }


def build_common_context(found: SpreadsheetImport) -> dict[str, Any]:
    """Return the template context common to all steps: step, people, related imports."""
    state = ImportState(found.state)
    people = User.objects.in_bulk(
        [
            pk
            for pk in {found.created_by_id, found.requested_by_id, found.applied_by_id, found.undone_by_id}
            if pk is not None
        ]
    )
    before = state not in (ImportState.APPLIED, ImportState.UNDONE)
    return {
        "spreadsheet_import": found,
        "is_allocation": found.purpose == Purpose.ALLOCATION,
        "step": STEPS.get(state, 1),
        "busy": state in BUSY_STATES,
        "earlier": queries.find_same_file(found) if before else None,
        "corrected": SpreadsheetImport.objects.filter(pk=found.corrects_id).first()
        if found.corrects_id and before
        else None,
        "who": people.get(found.created_by_id or 0),
        "requested_by": people.get(found.requested_by_id or 0),
        "applied_by": people.get(found.applied_by_id or 0),
        "undone_by": people.get(found.undone_by_id or 0),
    }


@require_policy(PREPARERS)
@require_GET
def import_progress(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Render the progress; refresh the page when the worker is done."""
    watched = build_progress_context(get_object_or_404(SpreadsheetImport, pk=pk))
    return HttpResponseClientRefresh() if watched is None else render(request, "imports/_progress.html", watched)
