"""Actions on an import: change its layout, confirm, cancel, undo."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.queries import describe_letters, get_current_collectivity
from core import formatting
from core.calendar import date_in_paris
from imports import queries
from imports.concerns import describe_changed_fields, list_concerns
from imports.enums import ImportState, Purpose, RowEffect, Verdict
from imports.exceptions import RowsInError
from imports.models import SpreadsheetImport
from imports.operations import application_requests, apply_rows, cancellation, import_lock, intake, undo_import
from imports.queries import count_remarks, count_unanswered
from imports.web.forms import ImportCancelForm, ImportConfirmForm, LayoutForm
from imports.web.remarks import build_lines
from imports.web.views.detail import build_common_context, build_layout_context, refuses_request
from web.page_actions import RefusalsOn, page_action

#: What a school is written to about.
LETTER_EFFECTS = (RowEffect.CREATED, RowEffect.GROWN, RowEffect.REDUCED)
_CONFIRMED = {
    Purpose.ALLOCATION: "l'attribution commence.",
    Purpose.PORTFOLIO: "la mise à jour du périmètre commence.",
}
#: Maximum number of schools listed before undoing.
MAX_LISTED = 100


@office(Capability.PREPARE_IMPORTS)
@require_http_methods(["GET", "POST"])
@page_action("imports:detail", "pk")
def choose(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Change sheets, header row, columns or volume, and parse the file again."""
    spreadsheet_import = get_object_or_404(queries.list_with_pools(), pk=pk)
    if spreadsheet_import.state not in (ImportState.READ, ImportState.CHECKED):
        return redirect("imports:detail", pk=pk)
    form = LayoutForm(request.POST or None, spreadsheet_import=spreadsheet_import, requires_answers=True)
    if request.method == "POST" and form.is_valid():
        intake.choose_layout(import_id=pk, **form.layout_choices(), by=request.member.user, at=timezone.now())
        if spreadsheet_import.requested_at is not None:
            messages.info(request, "la demande d'application ne vaut plus : refaites-la quand le tableau sera relu.")
        return redirect("imports:detail", pk=pk)
    context = build_common_context(spreadsheet_import) | build_layout_context(form)
    return render(request, "imports/layout.html", context, status=422 if form.errors else 200)


@office(Capability.GIVE_LICENCES)
@require_http_methods(["GET", "POST"])
@page_action("imports:detail", "pk")
def confirm(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Show a summary of the effects, and apply the import once confirmed."""
    spreadsheet_import = get_object_or_404(queries.list_with_pools(), pk=pk)
    if spreadsheet_import.state != ImportState.CHECKED:
        # Confirmed already, by a double click or another member.
        return redirect("imports:detail", pk=pk)
    now = timezone.now()
    counts = queries.count_verdicts([pk])[pk]
    tally = queries.get_tally(spreadsheet_import)
    form_arguments: dict[str, Any] = {
        "today": date_in_paris(now),
        "last_day": spreadsheet_import.pool.entitlement.last_day if spreadsheet_import.pool else None,
        "confirmation_guard": apply_rows.build_guard(spreadsheet_import, tally),
        "errors": counts.get(Verdict.ERROR, 0),
    }
    if request.method == "POST":
        form = ImportConfirmForm(request.POST, **form_arguments)
        if form.is_valid():
            names = ("digest", "send_on", "only_valid", "confirmed_count")
            answers = {name: form.cleaned_data[name] for name in names}
            with RefusalsOn(form, "only_valid", errors=RowsInError):
                apply_rows.confirm(import_id=pk, **answers, by=request.member.user, at=now)
                return _CONFIRMED[Purpose(spreadsheet_import.purpose)]
    else:
        form = ImportConfirmForm(
            initial={"digest": queries.compute_digest(spreadsheet_import), "when": ImportConfirmForm.NOW},
            **form_arguments,
        )
    remark_counts = count_remarks(spreadsheet_import)
    plan = queries.count_effects(spreadsheet_import)
    context = build_common_context(spreadsheet_import) | {
        "form": form,
        "tally": tally,
        "plan": plan | {"given_back": max(-tally.units, 0)},
        "changed_fields": describe_changed_fields(spreadsheet_import) if plan[RowEffect.UPDATED] else "",
        "letter": describe_letters(get_current_collectivity())
        if any(plan[effect] for effect in LETTER_EFFECTS)
        else None,
        "second_keys": queries.count_second_keys(spreadsheet_import),
        "errors": form_arguments["errors"],
        "conflicts": queries.count_unapplicable(spreadsheet_import) - form_arguments["errors"],
        "request_change": application_requests.describe_request_change(spreadsheet_import, tally),
        "unticked": [line for line in build_lines(remark_counts) if line.state == "unticked"],
        "concerns": list_concerns(spreadsheet_import),
        "unanswered": count_unanswered(remark_counts),
        "step": 3,
    }
    return render(request, "imports/confirm.html", context, status=422 if form.errors else 200)


@office(Capability.PREPARE_IMPORTS)
@require_http_methods(["GET", "POST"])
@page_action("imports:detail", "pk")
def request_application(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Show whom the request goes to and what it says, and ask the managers to apply the import."""
    spreadsheet_import = get_object_or_404(queries.list_with_pools(), pk=pk)
    if request.method == "POST":
        application_requests.request_application(import_id=pk, by=request.member.user, at=timezone.now())
        return "la demande est envoyée aux gestionnaires, par e-mail et sur leur page d'accueil."
    if spreadsheet_import.state != ImportState.CHECKED:
        return redirect("imports:detail", pk=pk)
    context = build_common_context(spreadsheet_import) | {
        "managers": application_requests.list_managers_to_ask(by=request.member.user),
        "tally": queries.get_tally(spreadsheet_import),
        "to_resolve": queries.count_to_resolve(spreadsheet_import),
        "requested": application_requests.get_requested_figures(spreadsheet_import),
        "step": 3,
    }
    return render(request, "imports/request.html", context)


@office(Capability.PREPARE_IMPORTS)
@require_POST
@page_action("imports:detail", "pk")
def withdraw_request(request: OfficeHttpRequest, pk: int) -> str:
    """Withdraw the request to apply the import."""
    get_object_or_404(SpreadsheetImport, pk=pk)
    application_requests.withdraw_request(import_id=pk, by=request.member.user, at=timezone.now())
    return "la demande est retirée : elle n'est plus sur la page d'accueil des gestionnaires."


@office(Capability.PREPARE_IMPORTS)
@require_http_methods(["GET", "POST"])
@page_action("imports:detail", "pk")
def cancel(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show what cancelling loses, and cancel the import once confirmed."""
    spreadsheet_import = get_object_or_404(queries.list_with_pools(), pk=pk)
    form = ImportCancelForm(request.POST if request.method == "POST" else None)
    asker = application_requests.find_asker(spreadsheet_import, by=request.member.user)
    if request.method == "GET" or not form.is_valid():
        if spreadsheet_import.state not in import_lock.OPEN_STATES:
            return redirect("imports:detail", pk=pk)
        context = build_common_context(spreadsheet_import) | {
            "form": form,
            "asker": asker,
            "refuses": refuses_request(request, spreadsheet_import),
            "lost": _list_decisions(spreadsheet_import),
        }
        # The page waits for an answer, not for the worker.
        status = 422 if form.errors else 200
        return render(request, "imports/cancel.html", context | {"busy": False}, status=status)
    spreadsheet_import = cancellation.cancel(
        import_id=pk, reason=form.cleaned_data["reason"], by=request.member.user, at=timezone.now()
    )
    if spreadsheet_import.state == ImportState.APPLYING:
        messages.info(request, "l'annulation est demandée : le travail s'arrête dès qu'il le peut.")
        return redirect("imports:detail", pk=pk)
    notified = f" Un e-mail le dit à {asker}." if asker else ""
    messages.success(request, f"ce tableau est annulé : rien n'en a été appliqué.{notified}")
    return redirect("imports:list")


def _list_decisions(spreadsheet_import: SpreadsheetImport) -> list[str]:
    """Return in French how many rows members decided about, by kind of decision."""
    decisions = queries.count_decisions(spreadsheet_import)
    words = (
        (decisions.corrected, "ligne corrigée", "lignes corrigées"),
        (decisions.set_aside, "ligne mise de côté", "lignes mises de côté"),
        (decisions.conflicts, "conflit réglé", "conflits réglés"),
    )
    return [formatting.pluralize(*each) for each in words if each[0]]


@office(Capability.GIVE_LICENCES)
@require_http_methods(["GET", "POST"])
@page_action("imports:detail", "pk")
def undo(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Preview the effects of undoing, and queue it."""
    spreadsheet_import = get_object_or_404(queries.list_with_pools(), pk=pk)
    if request.method == "POST":
        undo_import.request_undo(import_id=pk, by=request.member.user, at=timezone.now())
        return "l'import se défait."
    plan = undo_import.get_undo_plan(pk)
    taken = sorted([*plan.revoked, *plan.reduced], key=lambda one: (one.sheet, one.number))
    context = build_common_context(spreadsheet_import) | {
        "plan": plan,
        "something": bool(taken or plan.removed or plan.restored),
        "shown_taken": taken[:MAX_LISTED],
        "more_taken": max(len(taken) - MAX_LISTED, 0),
        "shown_kept": plan.kept[:MAX_LISTED],
        "more_kept": max(len(plan.kept) - MAX_LISTED, 0),
    }
    return render(request, "imports/undo.html", context)
