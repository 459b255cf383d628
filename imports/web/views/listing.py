"""List of imports: uploads, awaited schools that arrived, downloads."""

import datetime
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, ClassVar, NamedTuple

import django_tables2 as tables
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_tables2 import RequestConfig

from accounts.models import User
from accounts.throttling import limit_downloads
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from core import formatting
from core.calendar import date_in_paris
from core.documents import build_file_response
from imports import queries
from imports.enums import APPLICABLE, REQUESTED_LABEL, ImportState, Purpose, Verdict
from imports.models import ImportFile, ImportRow, SpreadsheetImport
from imports.operations import row_edits
from imports.operations.application_requests import describe_request_changes, describe_wait, list_managers_to_ask
from imports.operations.upload import store_upload, upload_again
from imports.operations.upload import upload as upload_spreadsheet
from imports.queries import count_unticked
from imports.web.filters import ImportFilter
from imports.web.forms import CorrectedFileForm, ImportUploadForm
from imports.workbooks import exports
from imports.workbooks.blank_templates import build_starter_workbook
from licensing.pools.models import Pool
from web.page_actions import RefusalsOn, page_action

#: Badge colour of each state, redundant with its label.
STATE_COLOURS = {
    ImportState.UPLOADED: "secondary",
    ImportState.READ: "yellow",
    ImportState.CHECKED: "yellow",
    ImportState.APPLYING: "blue",
    ImportState.APPLIED: "green",
    ImportState.UNDONE: "secondary",
    ImportState.REJECTED: "red",
    ImportState.CANCELLED: "secondary",
}


def describe_result(spreadsheet_import: SpreadsheetImport, counts: Mapping[str, int], unticked: int) -> str:
    """Return a short French summary of the result of an import. `unticked`: rows left out of those applicable."""
    state = ImportState(spreadsheet_import.state)
    if state is ImportState.CHECKED:
        ready = sum(counts.get(verdict, 0) for verdict in APPLICABLE) - unticked
        return formatting.pluralize(ready, "ligne à appliquer", "lignes à appliquer")
    if state is ImportState.APPLIED:
        return _applied(spreadsheet_import)
    if state is ImportState.UNDONE:
        return _undone(spreadsheet_import)
    return spreadsheet_import.refusal if state is ImportState.REJECTED else "–"


def _applied(spreadsheet_import: SpreadsheetImport) -> str:
    outcome = spreadsheet_import.outcome
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        added, updated = outcome.get("added", 0), outcome.get("updated", 0)
        return (
            f"{formatting.pluralize(added, 'école ajoutée', 'écoles ajoutées')}, "
            f"{formatting.pluralize(updated, 'mise à jour', 'mises à jour')}"
        )
    units, mails = outcome.get("units", 0), outcome.get("messages", 0)
    return f"{formatting.pluralize(units, 'licence')}, {formatting.pluralize(mails, 'e-mail')}"


def _undone(spreadsheet_import: SpreadsheetImport) -> str:
    done = spreadsheet_import.outcome.get("undone", {})
    if spreadsheet_import.purpose == Purpose.PORTFOLIO:
        return formatting.pluralize(done.get("removed", 0), "école retirée", "écoles retirées")
    return formatting.pluralize(done.get("units", 0), "licence revenue au lot", "licences revenues au lot")


class ImportTable(tables.Table):
    """One line per import. Only preparers get links."""

    filename = tables.Column(verbose_name="Fichier", order_by=("filename", "pk"))
    purpose = tables.Column(verbose_name="But", order_by=("purpose", "pk"))
    state = tables.Column(verbose_name="État", order_by=("state", "pk"))
    rows = tables.Column(verbose_name="Lignes", empty_values=(), orderable=False)
    result = tables.Column(verbose_name="Résultat", empty_values=(), orderable=False)
    created_at = tables.DateColumn(verbose_name="Déposé", format="j F Y", order_by=("created_at", "pk"))

    class Meta:
        model = SpreadsheetImport
        fields: ClassVar[list[str]] = []
        sequence: ClassVar = ["filename", "purpose", "state", "rows", "result", "created_at"]
        order_by = ("-created_at",)
        empty_text = "Aucun tableau ne répond à ces choix. Élargissez-les, ou déposez un autre tableau."
        attrs: ClassVar = {"class": "table table-vcenter stacking"}

    caption = "Tableaux déposés"

    def __init__(self, *args: Any, prepares: bool, applies: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepares, self.applies = prepares, applies
        #: Set by the view for the current page: counts by verdict, of unticked rows, and users by id.
        self.counts: dict[int, dict[str, int]] = {}
        self.unticked: dict[int, int] = {}
        self.people: dict[int, User] = {}
        #: The managers who are asked to apply imports.
        self.managers: list[User] = []
        #: What has changed since the application was requested, by import id.
        self.changes: dict[int, str] = {}

    def render_filename(self, record: SpreadsheetImport) -> SafeString | str:
        if not self.prepares:
            return record.filename
        return format_html('<a href="{}">{}</a>', reverse("imports:detail", args=[record.pk]), record.filename)

    def render_purpose(self, record: SpreadsheetImport) -> SafeString | str:
        if record.pool is None:
            return "Périmètre"
        return format_html('Attribution<br><span class="text-secondary">{}</span>', record.pool.name)

    def render_state(self, value: str, record: SpreadsheetImport) -> SafeString:
        state = ImportState(record.state)
        colour, label, details = STATE_COLOURS[state], state.label, ""
        change = self.changes.get(record.pk, "")
        if wait := describe_wait(record, self.managers, change):
            asker = self.people.get(record.requested_by_id or 0)
            if not self.applies:
                colour, label, details = "blue", REQUESTED_LABEL, wait
            elif asker is not None:
                before = formatting.add_nonbreaking_spaces(f", avant un changement : {change}" if change else "")
                details = f"demandé par {asker}{before}"
        return format_html(
            '<span class="badge bg-{}-lt">{}</span>{}',
            colour,
            label,
            format_html('<br><span class="text-secondary">{}</span>', details) if details else "",
        )

    def render_rows(self, record: SpreadsheetImport) -> SafeString | str:
        if record.contents_deleted_at is not None:
            return formatting.number(record.layout.rows)
        counts = self.counts.get(record.pk, {})
        total = formatting.number(sum(counts.values()))
        wrong = counts.get(Verdict.ERROR, 0)
        if not wrong:
            return total
        return format_html(
            '{} <span class="text-secondary">(dont {} en erreur)</span>', total, formatting.number(wrong)
        )

    def render_result(self, record: SpreadsheetImport) -> str:
        return describe_result(record, self.counts.get(record.pk, {}), self.unticked.get(record.pk, 0))

    def render_created_at(self, record: SpreadsheetImport) -> SafeString:
        who = self.people.get(record.created_by_id or 0)
        day = formatting.long_date(date_in_paris(record.created_at))
        return format_html('{}<br><span class="text-secondary">{}</span>', day, who) if who else format_html("{}", day)


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BATCH = 2_000
#: Digits of the largest integer that the database can hold.
_MAX_DIGITS = 18
_TITLES = {Purpose.ALLOCATION: "Attribution de licences", Purpose.PORTFOLIO: "Périmètre"}


def _read_number(text: str) -> int | None:
    """Return the number of a lot; None for a text that is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _xlsx_response(content: bytes, filename: str) -> HttpResponse:
    return build_file_response(content, name=filename, content_type=XLSX)


@office(Capability.PREPARE_IMPORTS)
@require_GET
@limit_downloads
def template(request: OfficeHttpRequest, purpose: str) -> HttpResponse:
    """Download a workbook prefilled with the portfolio; `?lot=` adds the licences held from that pool."""
    if purpose not in Purpose.values:
        raise Http404
    pool = Pool.objects.filter(pk=_read_number(request.GET.get("lot", "")) or 0).first()
    wanted = Purpose(purpose)
    return _xlsx_response(
        build_starter_workbook(wanted, pool if wanted is Purpose.ALLOCATION else None), f"{_TITLES[wanted]}.xlsx"
    )


@office(Capability.PREPARE_IMPORTS)
@require_GET
@limit_downloads
def report(_request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Download the report of an import: its rows, verdicts and decisions; lead to its page once they are deleted."""
    spreadsheet_import = get_object_or_404(SpreadsheetImport.objects.select_related("pool"), pk=pk)
    if spreadsheet_import.contents_deleted_at is not None:
        return redirect("imports:detail", pk=pk)
    rows = ImportRow.objects.filter(import_id=pk).order_by("sheet", "number").iterator(chunk_size=_BATCH)
    corrects = (
        SpreadsheetImport.objects.filter(pk=spreadsheet_import.corrects_id).first()
        if spreadsheet_import.corrects_id
        else None
    )
    people = _people(
        [spreadsheet_import.created_by_id, spreadsheet_import.applied_by_id, spreadsheet_import.undone_by_id]
    )
    content = exports.build_import_report(spreadsheet_import, rows, people, corrects.filename if corrects else "")
    return _xlsx_response(content, f"compte-rendu-{PurePath(spreadsheet_import.filename).stem}.xlsx")


@office()
@require_GET
@limit_downloads
def export(request: OfficeHttpRequest) -> HttpResponse:
    """Download the filtered list of imports."""
    spreadsheet_imports = list(ImportFilter(request.GET, queryset=queries.list_imports()).qs)
    people = _people(
        number for one in spreadsheet_imports for number in (one.created_by_id, one.applied_by_id, one.undone_by_id)
    )
    counts = queries.count_verdicts([one.pk for one in spreadsheet_imports])
    return _xlsx_response(exports.build_import_list(spreadsheet_imports, counts, people), "Imports.xlsx")


def _people(ids: Iterable[int | None]) -> dict[int, str]:
    return {pk: str(user) for pk, user in User.objects.in_bulk([one for one in set(ids) if one]).items()}


#: Maximum number of notices.
MAX_NOTICES = 5


class ArrivalNotice(NamedTuple):
    """Arrived schools of an import; `ended`: its pool has ended, and another must be chosen."""

    spreadsheet_import: SpreadsheetImport
    schools: int
    ended: bool


def list_notices(at: datetime.datetime) -> list[ArrivalNotice]:
    """Return the notices shown above the list."""
    return [
        ArrivalNotice(
            arrival.spreadsheet_import,
            arrival.schools,
            arrival.spreadsheet_import.purpose == Purpose.ALLOCATION
            and not row_edits.is_pool_open(arrival.spreadsheet_import.pool, at),
        )
        for arrival in row_edits.list_arrivals()[:MAX_NOTICES]
    ]


@office(Capability.PREPARE_IMPORTS)
@require_POST
@page_action("imports:list")
def resume_arrived(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Resume the arrived schools, in the import itself or in a follow-up."""
    get_object_or_404(SpreadsheetImport, pk=pk)
    pool = request.POST.get("pool", "")
    spreadsheet_import = row_edits.resume_arrived(
        import_id=pk,
        # One too long for a lot is refused as one that does not exist: without a number the import's own lot is taken.
        pool_id=int(pool) if pool.isascii() and pool.isdecimal() else None,
        by=request.member.user,
        at=timezone.now(),
    )
    return redirect("imports:detail", pk=spreadsheet_import.pk)


UPLOADED = "le tableau est déposé : il est lu, puis chaque ligne est vérifiée."


@office(Capability.PREPARE_IMPORTS)
@require_http_methods(["GET", "POST"])
def upload(request: OfficeHttpRequest) -> HttpResponse:
    """Upload a file with its purpose. `?but=` preselects the purpose."""
    now = timezone.now()
    requested_purpose = request.GET.get("but")
    form = ImportUploadForm(
        request.POST or None,
        request.FILES or None,
        day=date_in_paris(now),
        initial={"purpose": requested_purpose} if requested_purpose in Purpose.values else None,
    )
    if request.method == "POST" and form.is_valid():
        file, pool = form.cleaned_data["file"], form.cleaned_data["pool"]
        # The pool may be used up meanwhile.
        with RefusalsOn(form, "pool"):
            spreadsheet_import = upload_spreadsheet(
                purpose=Purpose(form.cleaned_data["purpose"]),
                pool_id=pool.pk if pool else None,
                filename=file.name,
                content=file,
                volume=form.cleaned_data["volume"],
                units_for_all=form.cleaned_data["units_for_all"],
                by=request.member.user,
                at=now,
            )
            messages.success(request, UPLOADED)
            return redirect("imports:detail", pk=spreadsheet_import.pk)
    hint = " Il faudra choisir de nouveau le fichier." if request.FILES else ""
    context = {"form": form, "step": 1, "left_undone": f"Le fichier n’a pas été déposé.{hint}"}
    context["buys"] = request.member.may(Capability.BUY_LICENCES)
    return render(request, "imports/upload.html", context, status=422 if form.errors else 200)


@office(Capability.PREPARE_IMPORTS)
@require_POST
def corrected(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Upload the corrected file of an import, with the same purpose and pool, whatever its provenance."""
    earlier = get_object_or_404(SpreadsheetImport, pk=pk)
    form = CorrectedFileForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("imports:detail", pk=pk)
    file = form.cleaned_data["file"]
    spreadsheet_import = store_upload(
        purpose=Purpose(earlier.purpose),
        pool_id=earlier.pool_id,
        filename=file.name,
        content=file,
        units_for_all=None,
        corrects=earlier,
        by=request.member.user,
        at=timezone.now(),
    )
    messages.success(request, UPLOADED)
    return redirect("imports:detail", pk=spreadsheet_import.pk)


@office(Capability.PREPARE_IMPORTS)
@require_POST
@page_action("imports:detail", "pk")
def give(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Read the file of an applied list of schools again, for the licences that it asks for. Nothing is given yet."""
    earlier = get_object_or_404(SpreadsheetImport, pk=pk)
    if earlier.purpose != Purpose.PORTFOLIO or earlier.state != ImportState.APPLIED:
        # Undone meanwhile.
        return redirect("imports:detail", pk=pk)
    pool_id = _read_number(request.POST.get("pool", ""))
    spreadsheet_import = upload_again(earlier, pool_id=pool_id, by=request.member.user, at=timezone.now())
    return redirect("imports:detail", pk=spreadsheet_import.pk)


PER_PAGE = 25


@office()
@require_GET
def import_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the imports. Every member sees the counts; only preparers get links."""
    now = timezone.now()
    chosen = ImportFilter(request.GET, queryset=queries.list_imports())
    prepares = request.member.may(Capability.PREPARE_IMPORTS)
    applies = request.member.may(Capability.GIVE_LICENCES)
    table = ImportTable(chosen.qs, prepares=prepares, applies=applies)
    RequestConfig(request, paginate={"per_page": PER_PAGE}).configure(table)
    shown = [row.record for row in table.paginated_rows]
    table.counts = queries.count_verdicts([one.pk for one in shown])
    table.unticked = count_unticked([one.pk for one in shown])
    people = {pk for one in shown for pk in (one.created_by_id, one.requested_by_id) if pk}
    table.people = User.objects.in_bulk(people)
    if requested := [one for one in shown if one.requested_at and one.state == ImportState.CHECKED]:
        table.changes = describe_request_changes(requested)
        table.managers = [] if applies else list_managers_to_ask(by=request.member.user)
    context = {
        "filter": chosen,
        "table": table,
        "prepares": prepares,
        "query": request.GET.urlencode(),
        "notices": list_notices(now) if prepares else [],
        "pools": queries.list_open_pools(date_in_paris(now)) if prepares else [],
        "any": bool(shown) or SpreadsheetImport.objects.exists(),
    }
    return render(request, "imports/list.html", context)


@office(Capability.PREPARE_IMPORTS)
@require_GET
def original_file(_request: HttpRequest, pk: int) -> HttpResponse:
    """Download the original file; without it, lead to the page that says when it was deleted."""
    spreadsheet_import = get_object_or_404(SpreadsheetImport, pk=pk)
    if spreadsheet_import.contents_deleted_at is not None:
        return redirect("imports:detail", pk=pk)
    file = get_object_or_404(ImportFile, pk=pk)
    return build_file_response(file.content, name=spreadsheet_import.filename, content_type="application/octet-stream")
