"""« Reconduire » at a collectivity's office: next year's licences, from the proposal to the list that is given.

Buyers and managers read prices, and so this. A buyer orders, a manager gives.
"""

import datetime
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.queries import get_current_collectivity, list_members
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import DomainError, Refusal
from core.formatting import format_school_year
from core.money import Amounts
from imports.requested_licences import list_numbered_lists
from licensing.catalogue import pricing
from licensing.orders import billing_details
from licensing.orders.queries import list_years_to_order
from licensing.plans.renewals import operations, queries
from licensing.plans.renewals.application_plan import build_plan
from licensing.plans.renewals.models import MAX_REASON, MAX_UNITS, Renewal, RenewalState
from licensing.plans.renewals.operations import EverySchool, RenewalChanged
from licensing.plans.renewals.queries import RenewalList, RenewalRow, count_ordered, read_list
from schools.folding import fold
from sites.office.year_report import read_price
from web.page_actions import page_action


class RenewalCost(NamedTuple):
    """What is bought for the prepared year, and what that costs."""

    #: Licences ordered, or to be ordered.
    units: int
    #: None where nothing is to be bought, or no price is known.
    price: Amounts | None
    #: Whether the price is that of the prepared year; else it is today's.
    is_final: bool
    #: What this year's licences cost.
    last_price: Amounts


def read_cost(found: RenewalList, at: datetime.datetime) -> RenewalCost:
    """Return what the list costs: of its order, else at the prices on sale. Six queries at most."""
    last_price = read_price(found.year - 1)
    if (order := found.order) is not None:
        price = Amounts(order.total_ht, order.total_vat, order.total_ttc)
        return RenewalCost(count_ordered(order), price, is_final=True, last_price=last_price)
    unknown = RenewalCost(found.to_order, None, is_final=False, last_price=last_price)
    day = date_in_paris(at)
    if not found.to_order or not list_years_to_order(day):
        return unknown
    try:
        priced = pricing.price_volume(found.to_order, day, found.year)
    except DomainError:
        return unknown
    vat = billing_details.find_collectivity_vat(get_current_collectivity(), priced.product)
    is_final = priced.school_year.ends_on.year == found.year
    return unknown._replace(price=priced.at_rate(vat.rate).amounts, is_final=is_final)


#: More than any list's version.
_MAX_DIGITS = 9


def find_list(at: datetime.datetime) -> RenewalList | None:
    """Return the list of the school year that the page prepares; None while there is none."""
    years = queries.list_years(date_in_paris(at))
    return read_list(years[0], at) if years else None


def get_list(at: datetime.datetime) -> RenewalList:
    """Return the list that the page shows. Raises `Http404` where its time is over meanwhile."""
    found = find_list(at)
    if found is None:
        raise Http404("No renewal is open.")
    return found


def read_number(text: str) -> int:
    """Return a version or a number that the page itself wrote; −1, which is neither, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else -1


#: Of the choices for the whole list, what the page sends.
CHOICES: dict[str, EverySchool] = {"cette-annee": "this_year", "proposition": "proposal", "rien": "nothing"}


type _Act = Callable[[OfficeHttpRequest, RenewalList, datetime.datetime], HttpResponse | str]


def _act_on_list(capability: Capability) -> Callable[[_Act], Callable[[OfficeHttpRequest], HttpResponse]]:
    """Return a decorator for what a button does to the list: its sentence, or why it is refused, is told above it."""

    def decorate(act: _Act) -> Callable[[OfficeHttpRequest], HttpResponse]:
        @office(capability)
        @require_POST
        @page_action("renewal:list")
        @functools.wraps(act)
        def view(request: OfficeHttpRequest) -> HttpResponse | str:
            now = timezone.now()
            found = find_list(now)
            return redirect("renewal:list") if found is None else act(request, found, now)

        return view

    return decorate


@_act_on_list(Capability.PLAN_LICENCES)
def set_all(request: OfficeHttpRequest, found: RenewalList, now: datetime.datetime) -> str:
    """Set every number at once: as this year, as proposed, nothing."""
    choice = CHOICES.get(request.POST.get("choix", ""))
    if choice is None:
        raise Refusal("unknown_choice", "Choisissez ce que devient la liste. Rien n'est fait.")
    after = operations.edit_all(
        year=found.year, version=_read_version(request), choice=choice, by=request.member.user, at=now
    )
    return f"La liste compte maintenant {formatting.pluralize(after.total, 'licence')}."


@_act_on_list(Capability.PLAN_LICENCES)
def decline(request: OfficeHttpRequest, found: RenewalList, now: datetime.datetime) -> str:
    """Decline the renewal, with a sentence."""
    reason, version = request.POST.get("motif", ""), _read_version(request)
    operations.decline_renewal(year=found.year, version=version, reason=reason, by=request.member.user, at=now)
    return "La reconduction est laissée sans suite. Vous pouvez la rouvrir jusqu'au 31 août."


@_act_on_list(Capability.PLAN_LICENCES)
def reopen(request: OfficeHttpRequest, found: RenewalList, now: datetime.datetime) -> str:
    """Open a declined renewal again."""
    operations.reopen_renewal(year=found.year, version=_read_version(request), by=request.member.user, at=now)
    return "La reconduction est rouverte : la liste est comme vous l'aviez laissée."


@_act_on_list(Capability.BUY_LICENCES)
def order(request: OfficeHttpRequest, found: RenewalList, now: datetime.datetime) -> HttpResponse:
    """Draft the order of what the list lacks, with its quote, and lead to it."""
    made = operations.order_renewal(
        collectivity=get_current_collectivity(),
        year=found.year,
        version=_read_version(request),
        units=read_number(request.POST.get("licences", "")),
        by=request.member.user,
        at=now,
    )
    messages.success(
        request, f"Le devis {made.quote_number} est établi, et votre liste gardée. Rien n'est encore commandé."
    )
    return redirect("purchases:detail", pk=made.pk)


@_act_on_list(Capability.GIVE_LICENCES)
def undo(request: OfficeHttpRequest, found: RenewalList, now: datetime.datetime) -> str:
    """Take back what was given, before the schools are told."""
    operations.undo_application(year=found.year, by=request.member.user, at=now)
    return "L'attribution de la liste est annulée : aucune école n'en a rien su."


def _refuse_to_give(request: OfficeHttpRequest, refusal: DomainError) -> HttpResponse:
    now = timezone.now()
    return _render_plan(request, get_list(now), now, notice=str(refusal), status=409)


@office(Capability.GIVE_LICENCES)
@require_http_methods(["GET", "POST"])
@page_action("renewal:list", refused=_refuse_to_give)
def give(request: OfficeHttpRequest) -> HttpResponse | str:
    """Show what giving the list would do; by POST, do what was shown."""
    now = timezone.now()
    found = find_list(now)
    if found is None or not found.may_edit:
        return redirect("renewal:list")
    if request.method == "GET":
        return _render_plan(request, found, now)
    made = operations.apply_renewal(
        year=found.year,
        version=_read_version(request),
        expected=request.POST.get("empreinte", ""),
        by=request.member.user,
        at=now,
    )
    leaving = formatting.long_moment(timezone.localtime(made.notify_at))
    return f"La liste est attribuée. Les clés partent le {leaving} : vous pouvez tout annuler jusque-là."


def _render_plan(
    request: OfficeHttpRequest, found: RenewalList, now: datetime.datetime, *, notice: str = "", status: int = 200
) -> HttpResponse:
    plan = build_plan(found, now)
    context = {
        "found": found,
        "plan": plan,
        "year": format_school_year(found.year),
        "lines": [] if plan.is_refused else plan.describe(),
        "day": formatting.long_date(date_in_paris(plan.notify_at)),
        "notice": notice,
    }
    return render(request, "office/renewal/give.html", context, status=status)


def _read_version(request: OfficeHttpRequest) -> int:
    return read_number(request.POST.get("version", ""))


PAGE_SIZE = 50
#: Lists of schools that the page offers to take numbers from.
MAX_LISTS = 5
#: What of the list is shown, by the value of `voir`: its label, and which rows.
VIEWS: dict[str, tuple[str, Callable[[RenewalRow], bool]]] = {
    "": ("Les écoles de la liste", lambda row: row.is_concerned),
    "plus": ("Plus que cette année", lambda row: row.units > row.given),
    "moins": ("Moins que cette année", lambda row: row.units < row.given),
    "zero": ("Plus rien", lambda row: bool(row.given) and not row.units),
    "choisies": ("Nombre choisi par un membre", lambda row: row.typed),
    "ajouter": ("Écoles à ajouter", lambda row: not row.is_concerned and not row.use.is_closed),
}
_FIELD = re.compile(r"n-([0-9]{7}[A-Z])")
_NUMBER = re.compile(r"[0-9]{1,3}")


class TypedNumbers(NamedTuple):
    """The numbers of a page as they were typed: those that differ from what was shown, and all texts by UAI."""

    units: dict[str, int]
    texts: dict[str, str]
    faults: list[str]


@office(Capability.PLAN_LICENCES)
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
            version=_read_version(request),
            units=typed.units,
            by=request.member.user,
            at=now,
        )
    except RenewalChanged as refusal:
        return _render_list(request, get_list(now), now, typed=typed, notice=str(refusal), status=409)
    except DomainError as refusal:
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
    _, fits = VIEWS[view]
    words = fold(request.GET.get("q", "")[:100]).split()
    rows = [row for row in found.rows if fits(row) and _has_words(row, words)]
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    buys, manages = request.member.may(Capability.BUY_LICENCES), request.member.may(Capability.GIVE_LICENCES)
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
        "views": [(name, label) for name, (label, _) in VIEWS.items()],
        "view": view,
        "text": request.GET.get("q", "")[:100],
        "query": request.GET.urlencode(),
        "faults": typed.faults if typed else [],
        "notice": notice,
        "changed_by": people.get(renewal.changed_by_id or 0, "") if renewal is not None and renewal.version else "",
        "declined": _describe_declined(renewal, people),
        "undoable": found.application is not None and found.application.is_undoable(now),
        "buys": buys,
        "manages": manages,
        "buyers": [] if buys else list_members(Capability.BUY_LICENCES),
        "managers": [] if manages else list_members(Capability.GIVE_LICENCES),
        "lists": list_numbered_lists(MAX_LISTS) if found.may_edit else [],
        "max_units": MAX_UNITS,
        "max_reason": MAX_REASON,
        "may_give": found.state == RenewalState.ORDERED or (found.state == RenewalState.OPEN and not found.to_order),
    }
    return render(request, "office/renewal/list.html", context, status=status)


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
