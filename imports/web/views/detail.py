"""Page of an import, by state: progress, verification, annotated workbook."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from accounts.models import User
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.models import Member
from core import formatting
from core.calendar import date_in_paris
from core.documents import build_file_response
from core.formatting import format_school_year
from imports import queries, wording
from imports.columns import Meaning
from imports.concerns import describe_concern, find_changed_back
from imports.enums import APPLICABLE, ImportState, Purpose, RemarkState, Verdict
from imports.models import AnnotatedFile, ImportRow, SpreadsheetImport
from imports.operations import annotation
from imports.operations.application_requests import (
    describe_request_change,
    describe_wait,
    get_requested_figures,
    list_managers_to_ask,
)
from imports.operations.cancellation import BUSY_STATES
from imports.parsing.column_mapping import column_letters
from imports.parsing.declined_rows import DECLINED
from imports.parsing.questions import SOURCE_MISSING
from imports.progress import get_current_progress
from imports.queries import RemarkCount, count_remarks, count_unanswered, exclude_remarks
from imports.requested_licences import get_requested_licences, list_pool_choices
from imports.web.filters import ALL_ROWS, TO_RESOLVE, RowFilter
from imports.web.forms import LayoutForm
from imports.web.remarks import RemarkLine, build_lines, find_shared_sentence, is_gathered, load_choices
from licensing.plans.renewals.queries import list_years
from schools.wording import format_school_name
from web.page_actions import page_action


def build_annotation_context(spreadsheet_import: SpreadsheetImport) -> dict[str, Any]:
    """Return the template context of the annotated workbook."""
    stage = annotation.get_annotation_state(spreadsheet_import, timezone.now())
    file = AnnotatedFile.objects.defer("content").filter(pk=spreadsheet_import.pk).first()
    return {"spreadsheet_import": spreadsheet_import, "stage": stage.value, "annotated": file}


@office(Capability.PREPARE_IMPORTS)
@require_http_methods(["GET", "POST"])
@page_action("imports:detail", "pk")
def annotate(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Queue the workbook and render its state; without htmx, redirect to the import."""
    spreadsheet_import = get_object_or_404(SpreadsheetImport, pk=pk)
    if request.method == "POST":
        annotation.request_annotation(import_id=pk, at=timezone.now())
    if not request.htmx:
        return redirect("imports:detail", pk=pk)
    return render(request, "imports/_annotated.html", build_annotation_context(spreadsheet_import))


@office(Capability.PREPARE_IMPORTS)
@require_GET
def annotated_file(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Download the annotated workbook, named after the original file; lead to the import where there is none."""
    spreadsheet_import = get_object_or_404(SpreadsheetImport, pk=pk)
    file = AnnotatedFile.objects.filter(pk=pk).first()
    if file is None:
        # Elsewhere the page offers none.
        if spreadsheet_import.state == ImportState.CHECKED:
            messages.info(request, "ce tableau annoté n'est plus gardé : préparez-le de nouveau s'il vous le faut.")
        return redirect("imports:detail", pk=pk)
    if file.made_at is None:
        raise Http404("It is being built, or could not be.")
    name = f"{PurePath(spreadsheet_import.filename).stem} – annoté{file.suffix}"
    return build_file_response(file.content, name=name, content_type="application/octet-stream")


PER_PAGE = 30
#: Remarks whose sentences repeat what the file says: each row shows its own, whatever is told above the rows.
IN_WORDS_OF_THE_FILE = frozenset({DECLINED, "file_remark"})


def get_row_filter(request: OfficeHttpRequest) -> RowFilter:
    """Return the row filter of a request, from its query or its form."""
    return RowFilter.of(request.POST if request.method == "POST" else request.GET)


def build_verification_context(request: OfficeHttpRequest, spreadsheet_import: SpreadsheetImport) -> dict[str, Any]:
    """Return the template context of the page: summary, remarks, one page of the rows that no line gathers.

    Without filter, the default tab is the rows that need a decision, if any.
    """
    chosen = get_row_filter(request)
    remark_counts = count_remarks(spreadsheet_import)
    to_resolve = any(one.state is RemarkState.TO_RESOLVE for one in remark_counts)
    if not chosen.tab:
        chosen = replace(chosen, tab=TO_RESOLVE if to_resolve and not chosen.narrows else ALL_ROWS)
    found = queries.filter_rows(spreadsheet_import, **chosen.as_row_query())
    filtered = found.count()
    above: set[str] = set()
    if not chosen.narrows and not chosen.one_by_one:
        gathered = {one for one in remark_counts if is_gathered(one)}
        ticked = {one for one in gathered if one.state is RemarkState.TICKED}
        if not to_resolve or not exclude_remarks(found, gathered).exists():
            # The table is ready: what will be applied is shown, below the lines that tell of it.
            gathered -= ticked
            above = {one.code for one in ticked} - IN_WORDS_OF_THE_FILE
        found = exclude_remarks(found, gathered)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    one_by_one = chosen.query(one_by_one=True)
    sentence = find_shared_sentence(rows, chosen.remark) if chosen.state else ""
    chosen = replace(chosen, codes_above=frozenset(above | ({chosen.remark} if sentence else set())))
    return build_summary_context(
        request, spreadsheet_import, chosen, back=request.get_full_path(), remark_counts=remark_counts
    ) | {
        "page_obj": page,
        "rows": rows,
        "choices": load_choices(spreadsheet_import, rows),
        "columns": list_columns(spreadsheet_import),
        "numbers": wording.describe_numbers(spreadsheet_import),
        "filtered": filtered,
        "concern": describe_concern(chosen.concern, filtered) if chosen.concern else "",
        "gathered": filtered - page.paginator.count,
        "one_by_one": one_by_one,
        "sentence": sentence,
    }


def _link(line: RemarkLine, chosen: RowFilter) -> dict[str, Any]:
    """Return a line with the query that opens it, and whether it is the open one."""
    opened = RowFilter(tab=ALL_ROWS, remark=line.code, state=line.state.value, reason=line.reason)
    current = (line.code, line.state.value, line.reason) == (chosen.remark, chosen.state, chosen.reason)
    return {"line": line, "filter": opened, "query": opened.query(), "current": current}


def refuses_request(request: OfficeHttpRequest, spreadsheet_import: SpreadsheetImport) -> bool:
    """Return whether cancelling the import refuses what somebody else asked this manager to apply."""
    return (
        request.member.may(Capability.GIVE_LICENCES)
        and spreadsheet_import.requested_at is not None
        and spreadsheet_import.requested_by_id != request.member.user_id
    )


def build_summary_context(
    request: OfficeHttpRequest,
    spreadsheet_import: SpreadsheetImport,
    chosen: RowFilter,
    *,
    back: str,
    remark_counts: list[RemarkCount] | None = None,
) -> dict[str, Any]:
    """Return the template context of the summary: remarks, tabs with counts, and the tally of the ticked rows.

    `back`: URL of the current page, to which every edit returns.
    """
    counts = queries.count_verdicts([spreadsheet_import.pk])[spreadsheet_import.pk]
    if remark_counts is None:
        remark_counts = count_remarks(spreadsheet_import)
    to_resolve = sum(one.rows for one in remark_counts if one.state is RemarkState.TO_RESOLVE)
    lines = [_link(line, chosen) for line in build_lines(remark_counts)]
    tally = queries.get_tally(spreadsheet_import)
    may_apply = request.member.may(Capability.GIVE_LICENCES)
    managers = (
        [] if may_apply or spreadsheet_import.requested_at is None else list_managers_to_ask(by=request.member.user)
    )
    return {
        "spreadsheet_import": spreadsheet_import,
        "is_allocation": spreadsheet_import.purpose == Purpose.ALLOCATION,
        "filter": chosen,
        "back": back,
        "opening": urlencode(chosen.words() | ({"retour": back} if back else {})),
        "lines": lines,
        "opened": next((each["line"].text for each in lines if each["current"]), ""),
        "tabs": _tabs(
            counts,
            queries.count_ticked(spreadsheet_import.pk),
            to_resolve,
            reverse("imports:detail", args=[spreadsheet_import.pk]),
            chosen,
        ),
        "to_resolve": to_resolve,
        "unanswered": count_unanswered(remark_counts),
        "total": sum(counts.values()),
        "errors": counts.get(Verdict.ERROR, 0),
        "tally": tally,
        "requested": get_requested_figures(spreadsheet_import),
        "changed_back": find_changed_back(spreadsheet_import),
        "request_change": describe_request_change(spreadsheet_import, tally),
        "sheets": list_sheets(spreadsheet_import),
        "wait": "" if may_apply else describe_wait(spreadsheet_import, managers),
        "may_apply": may_apply,
        "refuses": refuses_request(request, spreadsheet_import),
    }


def _tabs(
    counts: Mapping[str, int], ticked: Mapping[str, int], to_resolve: int, address: str, chosen: RowFilter
) -> list[dict[str, Any]]:
    """Return the tabs, with the number of ticked rows where not all are. Their links keep the search alone."""
    tabs = [(TO_RESOLVE, "À régler", to_resolve)]
    tabs += [(verdict.value, label, counts.get(verdict, 0)) for verdict, label in wording.TABS.items()]
    tabs.append((ALL_ROWS, "Toutes", sum(counts.values())))
    tab_filter = replace(
        chosen, remark="", state="", reason="", concern=None, one_by_one=False, codes_above=frozenset()
    )
    return [
        {
            "label": label,
            "count": count,
            "ticked": ticked.get(tab, 0) if tab in APPLICABLE and ticked.get(tab, 0) < count else None,
            "url": address + tab_filter.query(tab=tab),
            "current": chosen.tab == tab,
        }
        for tab, label, count in tabs
    ]


def list_sheets(spreadsheet_import: SpreadsheetImport) -> list[tuple[int, str]]:
    """Return index and name of the parsed sheets, [] if there is only one."""
    layout = spreadsheet_import.layout
    return [(region.sheet, layout.sheets[region.sheet]) for region in layout.regions] if len(layout.regions) > 1 else []


def list_columns(spreadsheet_import: SpreadsheetImport) -> list[tuple[str, str, str]]:
    """Return label of the meaning, title and letters of each column with a meaning."""
    layout = spreadsheet_import.layout
    return [
        (
            meaning.label,
            layout.titles[index] or "sans titre",
            " + ".join(column_letters(part) for part in layout.sums.get(meaning, (index,))),
        )
        for meaning, index in layout.columns.items()
    ]


KEPT_ROWS_PER_PAGE = 100
APPLIED_ROWS_PER_PAGE = 50
#: Rows set aside that the page of an applied import names; the others are counted.
MAX_NAMED_ROWS = 5
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


@office(Capability.PREPARE_IMPORTS)
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
            "may_apply": request.member.may(Capability.GIVE_LICENCES),
            "buys": request.member.may(Capability.BUY_LICENCES),
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
    takes = found.purpose == Purpose.PORTFOLIO and member.may(Capability.PLAN_LICENCES)
    if not takes or Meaning.UNITS not in found.layout.columns:
        return ""
    years = list_years(date_in_paris(timezone.now()))
    return format_school_year(years[0]) if years else ""


@office(Capability.PREPARE_IMPORTS)
@require_GET
def applied_rows(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show the rows that an import applied, and what was done by each."""
    found = get_object_or_404(queries.list_with_pools(), pk=pk)
    if found.applied_at is None or found.contents_deleted_at is not None:
        return redirect("imports:detail", pk=pk)
    rows = queries.filter_rows(found, ticked=True)
    page = Paginator(rows, APPLIED_ROWS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "imports/applied_rows.html", build_common_context(found) | {"page_obj": page})


def _describe_rows_set_aside(found: SpreadsheetImport) -> dict[str, Any] | None:
    """Return how many rows were left, set aside or unticked, and « 2 lignes laissées de côté : ligne 7 et ligne 9 ».

    Two queries at most.
    """
    rows = ImportRow.objects.filter(
        Q(set_aside=True) | Q(ticked=False, verdict__in=APPLICABLE), import_id=found.pk
    ).order_by("sheet", "number")
    count = rows.count()
    if not count:
        return None
    labels = [
        f"ligne {number}" + (f" ({format_school_name(label)})" if label else "")
        for number, label in rows.values_list("number", "label")[:MAX_NAMED_ROWS]
    ]
    words = formatting.join_first(labels, MAX_NAMED_ROWS, count=count)
    left = formatting.pluralize(count, "ligne laissée de côté", "lignes laissées de côté")
    return {"rows": count, "text": formatting.add_nonbreaking_spaces(f"{left} : {words}")}


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


@office(Capability.PREPARE_IMPORTS)
@require_GET
def import_progress(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Render the progress; refresh the page when the worker is done."""
    watched = build_progress_context(get_object_or_404(SpreadsheetImport, pk=pk))
    return HttpResponseClientRefresh() if watched is None else render(request, "imports/_progress.html", watched)
