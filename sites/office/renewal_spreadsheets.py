"""The list as a workbook, and numbers taken back from a list of schools that was imported."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.throttling import limit_downloads
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from core import formatting
from core.calendar import date_in_paris
from core.documents import build_file_response
from core.exceptions import DomainError
from core.formatting import format_school_year
from core.spreadsheets import WorksheetContent, build_workbook
from imports.requested_licences import RENEWAL_TITLES, ListedNumbers, read_numbers
from licensing.plans.renewals import operations
from licensing.plans.renewals.models import MAX_UNITS
from licensing.plans.renewals.queries import RenewalList, RenewalRow
from sites.office.renewal import find_list, get_list, read_number

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: The number to edit stands first of the figures: it is the one that the imports read.
_WIDTHS = (12, 44, 26, 12, 60, 12, 12, 12, 12)
#: Changes that the page lists; the others are counted.
MAX_SHOWN = 100
#: Rows left out that a sentence names.
_MAX_NAMED = 5


class TakenNumber(NamedTuple):
    """A school whose number a list would change."""

    row: RenewalRow
    units: int


class TakenNumbers(NamedTuple):
    """What a list would change, and what of it cannot be taken."""

    changes: list[TakenNumber]
    #: Sentences.
    left_out: list[str]


@office(Capability.PLAN_LICENCES)
@require_GET
@limit_downloads
def workbook(request: OfficeHttpRequest) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return the list as a workbook to edit."""
    found = find_list(timezone.now())
    if found is None:
        return redirect("renewal:list")
    name = f"reconduction-{format_school_year(found.year)}.xlsx"
    return build_file_response(build_list_workbook(found), name=name, content_type=_XLSX)


def build_list_workbook(found: RenewalList) -> bytes:
    """Return the list as a workbook, whose column of licences is the one to edit."""
    return build_workbook(WorksheetContent("Écoles", RENEWAL_TITLES, _WIDTHS, _list_rows(found)))


def _list_rows(found: RenewalList) -> Iterator[Sequence[Any]]:
    for row in found.rows:
        yield (
            row.uai, row.name, row.use.commune, row.units, row.reason, row.proposed, row.given, row.use.peak,
            row.use.used,
        )  # fmt: skip


@office(Capability.PLAN_LICENCES)
@require_http_methods(["GET", "POST"])
def take_numbers(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show what the numbers of an imported list would change; by POST, take them."""
    now = timezone.now()
    numbers, found = read_numbers(pk, date_in_paris(now)), find_list(now)
    if numbers is None:
        raise Http404("No list of schools with numbers.")
    if found is None or not found.may_edit:
        return redirect("renewal:list")
    notice = ""
    if request.method == "POST":
        try:
            operations.edit_lines(
                year=found.year,
                version=read_number(request.POST.get("version", "")),
                units={one.row.uai: one.units for one in _compare(found, numbers).changes},
                by=request.member.user,
                at=now,
            )
        except DomainError as refusal:
            notice, found = str(refusal), get_list(now)
        else:
            messages.success(request, f"Les nombres de « {numbers.filename} » sont dans votre liste.")
            return redirect("renewal:list")
    taken = _compare(found, numbers)
    context = {
        "found": found,
        "year": format_school_year(found.year),
        "import_id": pk,
        "filename": numbers.filename,
        "changes": taken.changes[:MAX_SHOWN],
        "count": len(taken.changes),
        "more": max(len(taken.changes) - MAX_SHOWN, 0),
        "total": found.total + sum(one.units - one.row.units for one in taken.changes),
        "left_out": taken.left_out,
        "notice": notice,
    }
    return render(request, "office/renewal/take.html", context, status=409 if notice else 200)


def _compare(found: RenewalList, numbers: ListedNumbers) -> TakenNumbers:
    changes, unknown, refused = [], [], []
    for uai, units in numbers.units.items():
        row = found.by_uai.get(uai)
        if row is None:
            unknown.append(uai)
        elif units > MAX_UNITS or (units and row.use.is_closed):
            refused.append(f"{row.name} ({formatting.number(units)})")
        elif units != row.units:
            changes.append(TakenNumber(row, units))
    left_out = []
    if numbers.left_out:
        rows = formatting.pluralize(len(numbers.left_out), "ligne")
        left_out.append(f"{rows} sans nombre : {formatting.join_first(numbers.left_out, _MAX_NAMED)}.")
    if unknown:
        schools = formatting.pluralize(len(unknown), "école")
        left_out.append(
            f"{schools} hors de votre périmètre : {formatting.join_first(unknown, _MAX_NAMED)}. Appliquez d'abord le "
            "tableau, qui les y ajoute."
        )
    if refused:
        left_out.append(
            f"{formatting.join_first(refused, _MAX_NAMED)} : une école fermée n'a rien, une autre "
            f"{MAX_UNITS} licences au plus."
        )
    return TakenNumbers(changes, left_out)
