"""Verification page: tally of the ticked rows, and one page of the filtered rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.urls import reverse

from collectivities.access import OfficeHttpRequest
from imports import queries, wording
from imports.application_requests import describe_request_change, describe_wait, get_requested_figures
from imports.concerns import describe_concern
from imports.enums import APPLICABLE, Purpose, RemarkState, Verdict
from imports.meanings import LABELS
from imports.models import SpreadsheetImport
from imports.operations import list_managers_to_ask
from imports.parsing.column_mapping import column_letters
from imports.portfolio_changes import find_changed_back
from imports.remark_queries import RemarkCount, count_remarks, count_unanswered, exclude_remarks
from imports.web.filters import ALL_ROWS, TO_RESOLVE, RowFilter
from imports.web.remark_lines import RemarkLine, build_lines, find_shared_sentence, is_gathered
from imports.web.row_choices import load_choices
from imports.web.views import APPLIERS

PER_PAGE = 30


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
            above = {one.code for one in ticked}
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
    opened = RowFilter(tab=ALL_ROWS, remark=line.code, state=line.state.value)
    current = (line.code, line.state.value) == (chosen.remark, chosen.state)
    return {"line": line, "filter": opened, "query": opened.query(), "current": current}


def refuses_request(request: OfficeHttpRequest, spreadsheet_import: SpreadsheetImport) -> bool:
    """Return whether cancelling the import refuses what somebody else asked this manager to apply."""
    return (
        bool(APPLIERS.roles & set(request.member.roles))
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
    may_apply = bool(APPLIERS.roles & set(request.member.roles))
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
    tab_filter = replace(chosen, remark="", state="", concern=None, one_by_one=False, codes_above=frozenset())
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
            LABELS[meaning],
            layout.titles[index] or "sans titre",
            " + ".join(column_letters(part) for part in layout.sums.get(meaning, (index,))),
        )
        for meaning, index in layout.columns.items()
    ]
