"""« Reconduire »: the list with its reasons, its numbers to edit, and what comes next."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.models import User
from collectivities.access import OfficeHttpRequest
from collectivities.models import Role
from collectivities.queries import list_members
from core import formatting
from core.calendar import date_in_paris
from imports.operations import list_numbered_lists
from licensing.exceptions import LicensingError
from licensing.renewals import operations, queries
from licensing.renewals.models import MAX_REASON, MAX_UNITS, Renewal, RenewalState
from licensing.renewals.operations import RenewalChanged
from licensing.renewals.queries import RenewalList, RenewalRow
from licensing.requests.queries import format_school_year
from schools.folding import fold
from sites.office.renewal import MEMBERS, find_list, get_list, read_number
from sites.office.renewal.figures import read_cost
from web.access import require_policy

PAGE_SIZE = 50
#: Lists of schools that the page offers to take numbers from.
MAX_LISTS = 5
#: What of the list is shown, by the value of `voir`.
VIEWS = {
    "": "Les écoles de la liste",
    "plus": "Plus que cette année",
    "moins": "Moins que cette année",
    "zero": "Plus rien",
    "choisies": "Nombre choisi par un membre",
    "ajouter": "Écoles à ajouter",
}
_FIELD = re.compile(r"n-([0-9]{7}[A-Z])")
_NUMBER = re.compile(r"[0-9]{1,3}")


class TypedNumbers(NamedTuple):
    """The numbers of a page as they were typed: those that differ from what was shown, and all texts by UAI."""

    units: dict[str, int]
    texts: dict[str, str]
    faults: list[str]


@require_policy(MEMBERS)
@require_http_methods(["GET", "POST"])
def renewal(request: OfficeHttpRequest) -> HttpResponse:
    """Show the list; by POST, save the numbers that were changed on the page."""
    now = timezone.now()
    found = find_list(now)
    if found is None:
        # What was typed before the time was over is not kept.
        return render(
            request, "office/renewal/closed.html", _describe_closed(now), status=200 if request.method == "GET" else 409
        )
    if request.method == "GET":
        return _render_list(request, found, now)
    typed = _read(request.POST)
    if typed.faults:
        return _render_list(request, found, now, typed=typed, status=422)
    try:
        after = operations.edit_lines(
            year=found.year,
            version=read_number(request.POST.get("version", "")),
            units=typed.units,
            by=request.member.user,
            at=now,
        )
    except RenewalChanged as refusal:
        return _render_list(request, get_list(now), now, typed=typed, notice=str(refusal), status=409)
    except LicensingError as refusal:
        typed.faults.append(str(refusal))
        return _render_list(request, found, now, typed=typed, status=409)
    total = formatting.pluralize(after.total, "licence")
    messages.success(request, f"La liste compte maintenant {total} pour {format_school_year(after.year)}.")
    return redirect(_build_url(request))


def _describe_closed(now: datetime.datetime) -> dict[str, Any]:
    year = queries.get_renewed_year(date_in_paris(now))
    return {"year": format_school_year(year), "opening": formatting.long_date(queries.get_opening_day(year))}


def _read(form: QueryDict) -> TypedNumbers:
    typed = TypedNumbers({}, {}, [])
    for name in form:
        field = _FIELD.fullmatch(name)
        if field is None:
            continue
        uai, text = field[1], re.sub(r"\s", "", form.get(name, ""))
        if text == form.get(f"vu-{uai}"):
            continue
        typed.texts[uai] = text[:12]
        if _NUMBER.fullmatch(text):
            typed.units[uai] = int(text)
        else:
            typed.faults.append(f"« {text[:12]} » n'est pas un nombre de licences, de 0 à {MAX_UNITS} : corrigez-le.")
    return typed


def _render_list(
    request: OfficeHttpRequest,
    found: RenewalList,
    now: datetime.datetime,
    *,
    typed: TypedNumbers | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    """Return the page. `typed`: what was typed and not saved; `notice`: why."""
    view = request.GET.get("voir", "")
    view = view if view in VIEWS else ""
    words = fold(request.GET.get("q", "")[:100]).split()
    rows = [row for row in found.rows if _fits(row, view) and _has_words(row, words)]
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    roles = {Role(role) for role in request.member.roles}
    renewal = found.renewal
    people = _name_people(found)
    context = {
        "found": found,
        "year": format_school_year(found.year),
        "last_year": format_school_year(found.year - 1),
        "state_label": found.state.label,
        "cost": read_cost(found, now),
        "page_obj": page,
        "rows": _list_fields(page.object_list, typed.texts if typed else {}),
        "views": VIEWS.items(),
        "view": view,
        "text": request.GET.get("q", "")[:100],
        "query": request.GET.urlencode(),
        "faults": typed.faults if typed else [],
        "notice": notice,
        "changed_by": people.get(renewal.changed_by_id or 0, "") if renewal is not None and renewal.version else "",
        "declined": _describe_declined(renewal, people),
        "undoable": found.application is not None and found.application.is_undoable(now),
        "buys": Role.BUYER in roles,
        "manages": Role.MANAGER in roles,
        "buyers": [] if Role.BUYER in roles else list_members(Role.BUYER),
        "managers": [] if Role.MANAGER in roles else list_members(Role.MANAGER),
        "lists": list_numbered_lists(MAX_LISTS) if found.may_edit else [],
        "max_units": MAX_UNITS,
        "max_reason": MAX_REASON,
        "may_give": found.state == RenewalState.ORDERED or (found.state == RenewalState.OPEN and not found.to_order),
    }
    return render(request, "office/renewal/list.html", context, status=status)


def _fits(row: RenewalRow, view: str) -> bool:
    match view:
        case "plus":
            return row.units > row.given
        case "moins":
            return row.units < row.given
        case "zero":
            return bool(row.given) and not row.units
        case "choisies":
            return row.typed
        case "ajouter":
            return not row.is_concerned and not row.use.is_closed
    return row.is_concerned


def _has_words(row: RenewalRow, words: list[str]) -> bool:
    if not words:
        return True
    text = fold(f"{row.use.name} {row.use.commune} {row.uai}")
    return all(word in text for word in words)


def _list_fields(rows: Iterable[RenewalRow], texts: Mapping[str, str]) -> list[tuple[RenewalRow, str, bool]]:
    """Return each row with what its field holds, and whether that is no number of licences."""
    fields = []
    for row in rows:
        text = texts.get(row.uai, str(row.units))
        fields.append((row, text, not _NUMBER.fullmatch(text) or int(text) > MAX_UNITS))
    return fields


def _name_people(found: RenewalList) -> dict[int, str]:
    """Return the names of who changed the list last, and who declined it. One query at most."""
    if found.renewal is None:
        return {}
    cited = [found.renewal.changed_by_id, found.renewal.declined_by_id]
    return {user.pk: str(user) for user in User.objects.filter(pk__in=[pk for pk in cited if pk is not None])}


def _describe_declined(renewal: Renewal | None, people: Mapping[int, str]) -> str:
    """Return « Laissée sans suite le 4 mai 2027 par Awa Diallo », empty where it is not."""
    if renewal is None or renewal.declined_at is None:
        return ""
    who = people.get(renewal.declined_by_id or 0, "")
    day = formatting.long_date(date_in_paris(renewal.declined_at))
    return f"Laissée sans suite le {day}" + (f" par {who}" if who else "")


def _build_url(request: HttpRequest) -> str:
    query = request.GET.urlencode()
    return reverse("renewal:list") + (f"?{query}" if query else "")
