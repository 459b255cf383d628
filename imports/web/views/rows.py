"""Edit rows, one or all of the filter: a partial for htmx, a full page without scripts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Unpack

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from core import formatting
from core.exceptions import DomainError
from imports import queries
from imports.checks.problem_codes import OTHER_POOL, UNTICKING
from imports.columns import EDITABLE_COLUMNS, MAX_EDIT_LENGTH, NUMBER_COLUMNS, Meaning
from imports.enums import ConflictResolution, ImportState, Purpose
from imports.models import ImportRow, SpreadsheetImport
from imports.operations import row_edits
from imports.queries import BaseRowQuery, count_remarks_of
from imports.web.remarks import describe_rows, load_choices
from imports.web.views.detail import build_common_context, build_summary_context, get_row_filter
from schools.queries import search
from web.page_actions import page_action


class RowField(NamedTuple):
    """A field of the editing form: its value, where that comes from, and what is wrong with it."""

    name: str
    label: str
    value: str
    numeric: bool
    hint: str
    fault: str


def build_fields(
    purpose: Purpose, row: ImportRow, typed: Mapping[str, str], faults: Mapping[str, str]
) -> list[RowField]:
    """Return the fields of a row. `typed`: values that were sent and not kept; `faults`: by name of the field."""
    values = {**row.initial_values, **typed}
    return [
        RowField(
            meaning.value,
            meaning.label,
            values.get(meaning.value, ""),
            meaning in NUMBER_COLUMNS,
            "Adresse connue de l'école." if meaning is Meaning.EMAIL and _is_known_address(row, values) else "",
            faults.get(meaning.value, ""),
        )
        for meaning in EDITABLE_COLUMNS[purpose]
    ]


def _is_known_address(row: ImportRow, values: Mapping[str, str]) -> bool:
    """Return whether the address shown is not the row's own: that of the portfolio or of the directory."""
    return row.recipient not in ("", row.email) and values.get(Meaning.EMAIL.value) == row.recipient


def find_faults(typed: Mapping[str, str]) -> dict[str, str]:
    """Return the French sentence about each value that no row could have, by name of the field."""
    return {name: fault for name, text in typed.items() if (fault := Meaning(name).column.find_fault(text))}


#: Maximum number of search results shown for a row.
MAX_SEARCH_RESULTS = 10


def _refuse_row(request: OfficeHttpRequest, refusal: DomainError, pk: int, **_place: int) -> HttpResponse:
    messages.error(request, refusal.sentence)
    return HttpResponseClientRefresh() if request.htmx else redirect_back(request, pk)


@office(Capability.PREPARE_IMPORTS)
@require_http_methods(["GET", "POST"])
@page_action(refused=_refuse_row)
def edit_row(request: OfficeHttpRequest, pk: int, sheet: int, number: int) -> HttpResponse:
    """Show a row with its editing form; edit it, set it aside, resolve its conflict or tick it."""
    spreadsheet_import = get_object_or_404(queries.list_with_pools(), pk=pk)
    found = get_object_or_404(ImportRow, import_id=pk, sheet=sheet, number=number)
    if request.method == "GET":
        return _render_row(request, spreadsheet_import, found)
    by, at = request.member.user, timezone.now()
    changes = _requested_changes(request, found, spreadsheet_import)
    if request.POST.get("action") == "fix" and (faults := find_faults(changes.get("edits", {}))):
        return _render_row(request, spreadsheet_import, found, typed=changes["edits"], faults=faults)
    if request.POST.get("action") == "add_to_portfolio":
        row_edits.add_all_to_portfolio(import_id=pk, text=found.uai, by=by, at=at)
        changed = ImportRow.objects.get(pk=found.pk)
    elif request.POST.get("action") == "keep":
        stated = request.POST.get("units", "")
        units = int(stated) if stated.isascii() and stated.isdecimal() else None
        set_aside = row_edits.keep_row(import_id=pk, sheet=sheet, number=number, units=units, by=by, at=at)
        changed = ImportRow.objects.get(pk=found.pk)
        changed.others_changed = bool(set_aside)
    elif request.POST.get("action") == "add_up":
        row_edits.add_up_rows(import_id=pk, sheet=sheet, number=number, by=by, at=at)
        changed = ImportRow.objects.get(pk=found.pk)
        changed.others_changed = True
    elif request.POST.get("action") == "answer":
        changed = row_edits.answer_pool_question(
            import_id=pk, sheet=sheet, number=number, besides="besides" in request.POST, by=by, at=at
        )
    else:
        changed = row_edits.amend_row(import_id=pk, sheet=sheet, number=number, **changes, by=by, at=at)
    if not request.htmx:
        # In place the row itself says so; a page that is loaded anew begins with this.
        verdict = changed.get_verdict_display()
        messages.success(request, f"la ligne {number} est enregistrée. Verdict : « {verdict} ».")
        return redirect_back(request, pk)
    if changed.others_changed:
        # They may be on this page.
        return HttpResponseClientRefresh()
    chosen = get_row_filter(request)
    context = build_summary_context(
        request, spreadsheet_import, chosen, back=get_return_url(request.POST.get("retour", ""), pk)
    ) | {
        "row": changed,
        "filtered": queries.filter_rows(spreadsheet_import, **chosen.as_row_query()).count(),
        "choices": load_choices(spreadsheet_import, [changed]),
        "out_of_band": True,
        "focused": request.POST.get("action") != "tick",
    }
    return render(request, "imports/_row_changed.html", context)


def _render_row(
    request: OfficeHttpRequest,
    spreadsheet_import: SpreadsheetImport,
    found: ImportRow,
    *,
    typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return the row with its editing form, which keeps what was `typed` where that was refused with `faults`."""
    if spreadsheet_import.state != ImportState.CHECKED:
        return HttpResponseClientRefresh() if request.htmx else redirect("imports:detail", pk=spreadsheet_import.pk)
    chosen = get_row_filter(request)
    context = build_summary_context(
        request,
        spreadsheet_import,
        # A page of this row alone has nothing above it.
        chosen if request.htmx else replace(chosen, codes_above=frozenset()),
        back=get_return_url((request.POST or request.GET).get("retour", ""), spreadsheet_import.pk),
    )
    context |= {"row": found, "choices": load_choices(spreadsheet_import, [found])}
    if "fermer" in request.GET:
        return render(request, "imports/_row.html", context | {"focused": True})
    query = request.GET.get("ecole", "").strip()[:MAX_EDIT_LENGTH]
    schools = list(search(query)[: MAX_SEARCH_RESULTS + 1]) if query else []
    context |= {
        "open": True,
        "fields": build_fields(Purpose(spreadsheet_import.purpose), found, typed or {}, faults or {}),
        "faulty": next(iter(faults or {}), ""),
        "school_query": query,
        "found": schools[:MAX_SEARCH_RESULTS],
        "more": len(schools) > MAX_SEARCH_RESULTS,
    }
    status = 422 if faults else 200
    if request.htmx:
        return render(request, "imports/_row.html", context, status=status)
    return render(request, "imports/row.html", build_common_context(spreadsheet_import) | context, status=status)


def _requested_changes(
    request: OfficeHttpRequest, found: ImportRow, spreadsheet_import: SpreadsheetImport
) -> dict[str, Any]:
    """Return the keyword arguments of `row_edits.amend_row` for this request."""
    data = request.POST
    action = data.get("action")
    if action == "choose":
        return {"edits": {Meaning.UAI.value: data.get("uai", "")[:MAX_EDIT_LENGTH]}}
    if action == "revert":
        written = row_edits.list_written_values(found, spreadsheet_import)
        return {"edits": {Meaning.UNITS.value: written.get(Meaning.UNITS, "")}}
    if action == "resolve":
        conflict_resolution = data.get("conflict_resolution", "")
        return {"conflict_resolution": conflict_resolution if conflict_resolution in ConflictResolution.values else ""}
    decided: dict[str | None, dict[str, Any]] = {
        "tick": {"ticked": "ticked" in data},
        "ignore": {"set_aside": True},
        "restore": {"set_aside": False},
        "await": {"awaited": True},
    }
    names = {meaning.value for fields in EDITABLE_COLUMNS.values() for meaning in fields}
    shown = found.initial_values
    typed = {name: data[name][:MAX_EDIT_LENGTH] for name in sorted(names & set(data))}
    return decided.get(action) or {"edits": {name: text for name, text in typed.items() if text != shown.get(name, "")}}


def get_return_url(address: str, pk: int) -> str:
    """Return the return URL if it belongs to this import, else ""."""
    inside = url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith(f"/imports/{pk}/")
    return address if inside else ""


def redirect_back(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Redirect to the return URL, or to the import."""
    address = get_return_url(request.POST.get("retour", ""), pk)
    return redirect(address) if address else redirect("imports:detail", pk=pk)


class BulkResult(NamedTuple):
    """How many rows changed, and a sentence about those that were left as they are, "" if there are none."""

    changed: int
    left: str = ""


class RowBulkAction(NamedTuple):
    """A bulk action: its operation, and the French nouns that count its result."""

    does: Callable[..., int | BulkResult]
    one: str
    several: str
    #: Message if nothing changed.
    none: str
    #: Whether the operation takes `by` and `at`; ticking does not.
    is_audited: bool = True


def _tick(*, import_id: int, **filters: Unpack[BaseRowQuery]) -> BulkResult:
    """Tick the rows of a filter. Those left aside for a reason are ticked only by the line of their remark.

    The question about other pools has answers of its own: a tick is none.
    """
    left_codes = {OTHER_POOL} if filters.get("state") else UNTICKING
    changed = row_edits.tick_all(import_id=import_id, ticked=True, except_codes=left_codes, **filters)
    spreadsheet_import = SpreadsheetImport.objects.get(pk=import_id)
    rows = queries.filter_rows(spreadsheet_import, **filters).filter(queries.is_tickable_q(), ticked=False)
    left = count_remarks_of(rows.order_by())
    if not left:
        return BulkResult(changed)
    count = sum(one.rows for one in left)
    which = formatting.join_words([describe_rows(one) for one in left])
    return BulkResult(
        changed,
        f"{formatting.pluralize(count, 'ligne reste décochée', 'lignes restent décochées')} : {which}. Pour "
        f"{'la' if count == 1 else 'les'} inclure, passez par {'sa' if count == 1 else 'leur'} remarque, au-dessus du "
        "tableau.",
    )


def _answer_pool_questions(**arguments: Any) -> BulkResult:
    """Answer for the rows of a filter; say how many schools are served already."""
    answered = row_edits.answer_all_pool_questions(**arguments)
    if not answered.served:
        return BulkResult(answered.given)
    left = formatting.pluralize(answered.served, "école est mise de côté", "écoles sont mises de côté")
    has = "elle a déjà ce nombre" if answered.served == 1 else "elles ont déjà ce nombre"
    return BulkResult(answered.given, f"{left} : {has} par un autre lot.")


ACTIONS = {
    "tick": RowBulkAction(
        _tick,
        "ligne cochée",
        "lignes cochées",
        "toutes les lignes qui peuvent l'être étaient déjà cochées.",
        is_audited=False,
    ),
    "besides": RowBulkAction(
        partial(_answer_pool_questions, besides=True),
        "école reçoit le nombre du tableau en plus",
        "écoles reçoivent le nombre du tableau en plus",
        "aucune de ces écoles n'a de licences d'un autre lot.",
    ),
    "untick": RowBulkAction(
        partial(row_edits.tick_all, ticked=False),
        "ligne décochée",
        "lignes décochées",
        "aucune de ces lignes n'était cochée.",
        is_audited=False,
    ),
    "choose": RowBulkAction(
        row_edits.accept_proposals,
        "école choisie",
        "écoles choisies",
        "aucune de ces lignes n'a de proposition assez sûre : choisissez-les une à une.",
    ),
    "add_to_portfolio": RowBulkAction(
        row_edits.add_all_to_portfolio,
        "école ajoutée au périmètre",
        "écoles ajoutées au périmètre",
        "toutes ces écoles sont déjà dans votre périmètre.",
    ),
    "await": RowBulkAction(
        row_edits.await_all,
        "ligne gardée jusqu'à ce que l'annuaire connaisse son école",
        "lignes gardées jusqu'à ce que l'annuaire connaisse leurs écoles",
        "l'annuaire connaît déjà ces écoles, ou elles n'ont pas d'UAI.",
    ),
    "ignore": RowBulkAction(
        row_edits.set_all_aside, "ligne mise de côté", "lignes mises de côté", "ces lignes étaient déjà de côté."
    ),
    "complement": RowBulkAction(
        partial(_answer_pool_questions, besides=False),
        "école complétée jusqu'au nombre du tableau",
        "écoles complétées jusqu'au nombre du tableau",
        "aucune de ces écoles n'a de licences d'un autre lot.",
    ),
    "first_address": RowBulkAction(
        row_edits.write_to_first_addresses,
        "adresse choisie",
        "adresses choisies",
        "aucune de ces cases ne contient plusieurs adresses.",
    ),
    "official_address": RowBulkAction(
        row_edits.write_to_official_addresses,
        "adresse officielle choisie",
        "adresses officielles choisies",
        "l'annuaire n'a l'adresse d'aucune de ces écoles.",
    ),
    "restore": RowBulkAction(
        row_edits.restore_all, "ligne reprise", "lignes reprises", "aucune de ces lignes n'était de côté."
    ),
}


def _refuse_bulk(request: OfficeHttpRequest, refusal: DomainError, pk: int) -> HttpResponse:
    messages.error(request, refusal.sentence)
    return redirect_back(request, pk)


@office(Capability.PREPARE_IMPORTS)
@require_POST
@page_action(refused=_refuse_bulk)
def bulk(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Run a bulk action on the filtered rows, and report how many changed."""
    get_object_or_404(SpreadsheetImport, pk=pk)
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is None:
        return redirect_back(request, pk)
    signature = {"by": request.member.user, "at": timezone.now()} if action.is_audited else {}
    done = action.does(import_id=pk, **get_row_filter(request).as_row_query(), **signature)
    result = done if isinstance(done, BulkResult) else BulkResult(done)
    if result.changed:
        sentence = f"{formatting.pluralize(result.changed, action.one, action.several)}."
        messages.success(request, f"{sentence} {result.left}".rstrip())
    else:
        messages.info(request, result.left or action.none)
    return redirect_back(request, pk)
