"""The office's pages about pools and allocations: the lists, « Attribuer à une école », and one allocation."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django_tables2 import RequestConfig

from accounts.reauthentication import confirmed_recently
from accounts.throttling import limit_downloads
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.exceptions import NotInPortfolio
from collectivities.models import AuditEntry, PortfolioSchool
from collectivities.operations import portfolio
from collectivities.queries import list_members
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import DomainError, Refusal
from core.formatting import school_forms
from licensing.entitlements.office_keys import find_entitlements
from licensing.pools import checks, key_emails, operations, queries, restorations
from licensing.pools.exceptions import BadAddress, WrittenThisWeek
from licensing.pools.filters import ALL_YEARS, AllocationFilter, build_parameters
from licensing.pools.forms import AllocateForm, ResendForm, RestoreForm, UnitsForm
from licensing.pools.models import ALLOCATION_TOPIC, RESTORABLE_FOR, Allocation, Pool
from licensing.pools.operations import UnitChange
from licensing.pools.positions import list_notes, list_pool_positions
from licensing.pools.queries import AllocationState, AnnotatedAllocation
from licensing.pools.tables import AllocationRows, AllocationTable, build_workbook, render_situation_badge
from licensing.pools.wording import describe_held_keys
from licensing.pools.year_use import list_schools_without_licences
from mailing import kinds
from mailing.models import Message
from schools.calendar import find_written
from schools.models import School
from schools.queries import find_by_uai, search
from schools.wording import format_school_name
from web.page_actions import page_action

#: Longest query of a list that is led back to.
_MAX_QUERY = 1000
#: Reasons of refusal that are told one by one.
_MAX_REASONS = 5


def show_results(
    request: OfficeHttpRequest, done_words: tuple[str, str], results: Sequence[checks.AllocationActionResult]
) -> None:
    """Show how many succeeded, and how many failed by reason."""
    done = sum(result.refusal is None for result in results)
    if done:
        messages.success(request, f"{formatting.pluralize(done, *done_words)}.")
    reasons = Counter(str(result.refusal) for result in results if result.refusal is not None)
    for reason, count in reasons.most_common(_MAX_REASONS):
        unchanged = formatting.pluralize(
            count, "attribution laissée telle quelle", "attributions laissées telles quelles"
        )
        messages.warning(request, f"{unchanged} : {reason}")


def build_list_url(name: str, query: str) -> str:
    """Return the address of a list, with the parameters that it had; those beyond the longest query are left out."""
    kept = QueryDict(query[:_MAX_QUERY]).urlencode()
    return f"{reverse(name)}?{kept}" if kept else reverse(name)


def get_list_url(query: str) -> str:
    """Return the address of the list with the parameters that the page stated."""
    return f"{reverse('pools:allocations')}?{QueryDict(query).urlencode()}"


@office()
def pool_list(request: OfficeHttpRequest) -> HttpResponse:
    """Show each pool: its order, its dates and its position."""
    pools, buys = list_pool_positions(), request.member.may(Capability.BUY_LICENCES)
    notes, today = list_notes(), date_in_paris(timezone.now())
    shown = [(position, notes.get(position.pool_id, [])) for position in pools]
    context = {
        "pools": pools,
        "running": [one for one in shown if one[0].last_day >= today],
        "past": [one for one in shown if one[0].last_day < today],
        "buys": buys,
        "buyers": [] if pools or buys else list_members(Capability.BUY_LICENCES),
        "renames": request.member.may(Capability.PLAN_LICENCES),
        "sees_prices": request.member.may(Capability.READ_ORDERS),
    }
    return render(request, "pools/pools.html", context)


@require_POST
@office(Capability.PLAN_LICENCES)
@page_action("pools:pools")
def rename(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Rename a pool."""
    before = get_object_or_404(Pool, pk=pk).name
    pool = operations.rename_pool(
        pool_id=pk, name=request.POST.get("name", ""), by=request.member.user, at=timezone.now()
    )
    if pool.name != before:
        return f"Le lot « {before} » s'appelle maintenant « {pool.name} »."
    messages.info(request, f"Le lot s'appelle déjà « {pool.name} » : rien n'a changé.")
    return redirect("pools:pools")


_CHANGEABLE = (AllocationState.ISSUED, AllocationState.REDEEMED, AllocationState.SUSPENDED)
#: Values of the field `page` of a form that stands on the school's page, or on the home page.
SCHOOL_PAGE, HOME_PAGE = "school", "home"


def can_change_units(allocation: AnnotatedAllocation) -> bool:
    """Whether the number of its licences may be changed: more, or fewer while the key is not redeemed."""
    return allocation.state in _CHANGEABLE


def return_to_page(request: OfficeHttpRequest, allocation: Allocation) -> HttpResponse:
    """Redirect to the page where the form stood: the school's, the home page, or the allocation's."""
    if request.POST.get("page") == HOME_PAGE:
        return redirect("home")
    if request.POST.get("page") == SCHOOL_PAGE:
        return redirect("school", uai=allocation.school_id)
    return redirect("pools:allocation", pk=allocation.pk)


def _refuse(request: OfficeHttpRequest, refusal: DomainError, pk: int) -> HttpResponse:
    messages.error(request, str(refusal))
    return return_to_page(request, get_object_or_404(Allocation, pk=pk))


#: For acts on an allocation: why one was not done is told where its form stood.
_allocation_act = page_action(refused=_refuse)


@require_POST
@office(Capability.GIVE_LICENCES)
@_allocation_act
def set_units(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Set the number of licences, and say what became of them."""
    allocation = get_object_or_404(Allocation, pk=pk)
    form = UnitsForm(request.POST)
    if not form.is_valid():
        raise Refusal(
            "invalid_units",
            "Indiquez un nombre entier de licences, au moins 1 : rien n'a été changé. Pour n'en laisser aucune, "
            "reprenez les licences.",
        )
    change = operations.set_units(
        allocation_id=pk,
        units=form.cleaned_data["units"],
        expected=form.cleaned_data["shown"],
        by=request.member.user,
        at=timezone.now(),
    )
    _show_change(request, change)
    return return_to_page(request, allocation)


@require_POST
@office(Capability.GIVE_LICENCES)
@_allocation_act
def remind(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Remind the school of its key, at most once a day.

    Ask before it is a second time in a week, or where the school stopped its automatic reminders.
    """
    allocation = get_object_or_404(Allocation.objects.select_related("school"), pk=pk)
    anyway, now = request.POST.get("anyway") == "1", timezone.now()
    if not anyway and queries.find_stopped([pk]):
        words = "Elle a arrêté les relances automatiques : la vôtre partirait tout de même."
        if find_written([allocation.school_id], at=now):
            words += " Une relance est aussi déjà partie cette semaine."
        return _ask_before(request, allocation, words)
    try:
        key_emails.remind(allocation_id=pk, by=request.member.user, at=now, anyway=anyway)
    except WrittenThisWeek as refusal:
        return _ask_before(request, allocation, str(refusal))
    messages.success(request, f"Une relance part pour {allocation.recipient}, avec la même clé.")
    return return_to_page(request, allocation)


def _ask_before(request: OfficeHttpRequest, allocation: Allocation, words: str) -> HttpResponse:
    """Return the page that says why a reminder is to be thought of twice."""
    context = {"allocation": allocation, "refusal": words, "page": request.POST.get("page", "")}
    return render(request, "pools/remind_again.html", context, status=409)


def _show_change(request: OfficeHttpRequest, change: UnitChange) -> None:
    allocation = change.allocation
    school = formatting.start_sentence(school_forms(allocation.school.name).the)
    now = formatting.pluralize(change.units, "licence")
    if change.units == change.before:
        messages.info(request, f"{school} a déjà {now} : rien n'a changé.")
        return
    difference = abs(change.units - change.before)
    moved = (
        f"{formatting.pluralize(difference, 'licence de plus', 'licences de plus')}, prises sur le lot"
        if change.units > change.before
        else f"{formatting.pluralize(difference, 'licence de moins', 'licences de moins')}, rendues au lot"
    )
    if difference == 1:
        moved = moved.replace("prises", "prise").replace("rendues", "rendue")
    notice = f"Un e-mail part pour {allocation.recipient}." if change.notified else "Sa clé n'était pas encore partie."
    messages.success(
        request,
        f"{school} a maintenant {now}, avec la même clé : {moved} « {allocation.pool.name} ». {notice}",
    )


_PAGE_SIZE = 50
_XLSX_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def build_filter(query: QueryDict) -> AllocationFilter:
    """Return the filter of the allocations for the given query parameters."""
    return AllocationFilter(build_parameters(query), queryset=Allocation.objects.all())


@office()
def allocation_list(request: OfficeHttpRequest) -> HttpResponse:
    """Show the allocations, filtered, sorted and paginated; managers can select some for a bulk action.

    `cocher=page`: those of the page are ticked, for browsers without scripts.
    """
    manages, today = request.member.may(Capability.GIVE_LICENCES), date_in_paris(timezone.now())
    allocation_filter = build_filter(request.GET)
    ticked = request.GET.get("cocher") == "page"
    hidden = [] if manages else ["pick"]
    if request.GET.get("pool") or len(allocation_filter.pools) == 1:
        hidden.append("pool")
    at_once = bool(request.GET.get("situation"))
    rows = AllocationRows(allocation_filter.qs, partial(queries.list_allocations, today), at_once=at_once)
    # The usual text leads to giving licences.
    empty_text = None if manages else "Aucune attribution ne répond à ces choix."
    table = AllocationTable(rows, exclude=hidden, ticked=ticked, empty_text=empty_text)
    RequestConfig(request, paginate={"per_page": _PAGE_SIZE}).configure(table)
    context = {
        "filter": allocation_filter,
        "table": table,
        "counted": _count_rows(rows),
        "manages": manages,
        "revocations": queries.list_restorable_revocations(timezone.now()) if manages else [],
        # No act keeps the ticks.
        "query": _change_query(request.GET, "cocher"),
        "all_years_query": _change_query(request.GET, "cocher", "page", year=ALL_YEARS),
        "ticked": ticked,
        "held": [
            (describe_held_keys(held.keys, held.pool.name, held.pool.entitlement, today), held.pool.pk)
            for held in queries.list_held_keys(today)
        ],
    }
    return render(request, "pools/allocations.html", context)


def _count_rows(rows: AllocationRows) -> str:
    """Return « 12 attributions, 40 licences. »."""
    counted = formatting.pluralize(len(rows), "attribution")
    return f"{counted}, {formatting.pluralize(rows.units, 'licence')}." if len(rows) else f"{counted}."


def _change_query(parameters: QueryDict, *removed: str, **added: str) -> str:
    kept = parameters.copy()
    for name in removed:
        kept.pop(name, None)
    for name, value in added.items():
        kept[name] = value
    return kept.urlencode()


@office()
@limit_downloads
def export(request: OfficeHttpRequest) -> HttpResponse:
    """Export the filtered list, all pages, as a workbook without keys."""
    today = date_in_paris(timezone.now())
    listed = queries.list_allocations(today).filter(pk__in=build_filter(request.GET).qs.values("pk"))
    response = HttpResponse(
        build_workbook(listed.order_by("school__name_folded", "pk")),
        content_type=_XLSX_CONTENT_TYPE,
    )
    response["Content-Disposition"] = f'attachment; filename="attributions-{today}.xlsx"'
    return response


@office()
def allocation_detail(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show one allocation: its state, e-mails, audit entries, and the actions of managers."""
    now = timezone.now()
    allocation = get_object_or_404(queries.list_allocations(date_in_paris(now), Allocation.objects.filter(pk=pk)))
    restorable_until = allocation.revoked_at and allocation.revoked_at + RESTORABLE_FOR
    messages = list(Message.objects.filter(topic=ALLOCATION_TOPIC, topic_id=pk).order_by("-pk")[:20])
    context = {
        "allocation": allocation,
        "badge": render_situation_badge(allocation.situation),
        "issued": allocation.state == AllocationState.ISSUED,
        "suspended": allocation.state == AllocationState.SUSPENDED and allocation.key.redeemed_at is None,
        "changeable": can_change_units(allocation),
        "lost": messages[0] if messages and (messages[0].is_lost or messages[0].awaits_hand) else None,
        "restorable_until": restorable_until if restorable_until and now < restorable_until else None,
        "mails": [(message, kinds.get_label(message.kind)) for message in messages],
        "entries": AuditEntry.objects.filter(object_type="allocation", object_id=pk).order_by("-at", "-pk")[:50],
        "manages": request.member.may(Capability.GIVE_LICENCES),
    }
    return render(request, "pools/allocation.html", context)


_MAX_RESULTS = 20


@office(Capability.GIVE_LICENCES)
def allocate(request: OfficeHttpRequest) -> HttpResponse:
    """Search for the school or, once one is selected (`?ecole=<uai>`), show and process the form."""
    uai = request.GET.get("ecole")
    if uai is None:
        return _search(request)
    school = find_by_uai(uai)
    if school is None:
        raise Http404("No such school.")
    today = date_in_paris(timezone.now())
    pools = [pool for pool in list_pool_positions() if pool.free and pool.entitlement.available_on(today)]
    row = PortfolioSchool.objects.filter(school=school).first()
    classes = row.classes if row is not None else None
    initial = {
        "recipient": (row.contact_email if row is not None else "") or school.email,
        "pool": request.GET.get("lot"),
        "units": classes or 1,
    }
    holdings = queries.list_holdings_beside(school.uai)
    form = AllocateForm(request.POST or None, positions=pools, holdings=holdings, classes=classes, initial=initial)
    status = 422 if request.method == "POST" else 200
    if form.is_valid():
        try:
            return _allocate(request, school, form)
        except DomainError as refusal:
            messages.error(request, str(refusal))
            status = 409
    running = find_entitlements(Q(last_day__gte=today, cancelled_at=None))
    of_school = Allocation.objects.active().filter(school=school, pool__entitlement__in=running)
    already = queries.list_allocations(today, of_school)
    context = {
        "school": school,
        "name": format_school_name(school.name),
        "form": form,
        "pools": pools,
        "already": already.order_by("-created_at"),
        "outside_portfolio": row is None and PortfolioSchool.objects.exists(),
    }
    return render(request, "pools/allocate.html", context, status=status)


def _search(request: OfficeHttpRequest) -> HttpResponse:
    """Show the schools found, the portfolio's first; before a search, those of the portfolio without licences."""
    text = request.GET.get("q", "").strip()
    own: list[School] = []
    others: list[School] = []
    if text:
        portfolio = School.objects.filter(pk__in=PortfolioSchool.objects.values("school_id"))
        own = list(search(text, among=portfolio)[: _MAX_RESULTS + 1])
        known = {school.pk for school in own}
        others = [one for one in search(text)[: _MAX_RESULTS + 1 + len(own)] if one.pk not in known]
    found = [(school, format_school_name(school.name), True) for school in own]
    found += [(school, format_school_name(school.name), False) for school in others]
    waiting = list_schools_without_licences(date_in_paris(timezone.now())).filter(school__closed_at=None)
    first = waiting.select_related("school").order_by("school__commune", "school__name", "pk")[:_MAX_RESULTS]
    context = {
        "q": text,
        "found": found[:_MAX_RESULTS],
        "more": len(found) > _MAX_RESULTS,
        "waiting": [] if text else [(row.school, format_school_name(row.school.name), False) for row in first],
        "waiting_count": 0 if text else waiting.count(),
    }
    return render(request, "pools/allocate_find.html", context)


def _allocate(request: OfficeHttpRequest, school: School, form: AllocateForm) -> HttpResponse:
    data = form.cleaned_data
    allocation = operations.allocate(
        pool_id=data["pool"],
        uai=school.uai,
        units=data["units"],
        recipient=data["recipient"],
        send_on=data["send_on"],
        by=request.member.user,
        at=timezone.now(),
    )
    units = formatting.pluralize(data["units"], "licence attribuée", "licences attribuées")
    when = f" le {formatting.long_date(data['send_on'])} à 8 heures" if data["send_on"] else ""
    messages.success(
        request, f"{units} {school_forms(school.name).to_the}. L'e-mail part{when} pour {data['recipient']}."
    )
    return redirect("pools:allocation", pk=allocation.pk)


_RESTORED = (
    "reprise annulée : la clé vaut de nouveau ses licences, et l'école n'a été prévenue de rien",
    "reprises annulées : les clés valent de nouveau leurs licences, et aucune école n'a été prévenue de rien",
)


@require_POST
@office(Capability.GIVE_LICENCES)
def restore(request: OfficeHttpRequest) -> HttpResponse:
    """Undo what was revoked at one moment, within the hour."""
    form = RestoreForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest("revoked_at must be the moment of a revocation.")
    results = restorations.restore_revocation(
        revoked_at=form.cleaned_data["revoked_at"], by=request.member.user, at=timezone.now()
    )
    _show_restored(request, results)
    return redirect(get_list_url(request.POST.get("query", "")))


@require_POST
@office(Capability.GIVE_LICENCES)
def restore_one(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Undo the revocation of one allocation, within the hour."""
    allocation = get_object_or_404(Allocation, pk=pk)
    results = restorations.restore_many(allocation_ids=[pk], by=request.member.user, at=timezone.now())
    _show_restored(request, results)
    return return_to_page(request, allocation)


def _show_restored(request: OfficeHttpRequest, results: Sequence[checks.AllocationActionResult]) -> None:
    if results:
        show_results(request, _RESTORED, results)
    else:
        messages.info(request, "Cette reprise a déjà été annulée : il n'y a plus rien à rendre.")


@require_POST
@office(Capability.GIVE_LICENCES)
@_allocation_act
def resend(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Resend the key, to the corrected address; with `keep`, the school's next keys go there as well."""
    allocation = get_object_or_404(Allocation, pk=pk)
    form = ResendForm(request.POST)
    if not form.is_valid():
        raise BadAddress("Cette adresse e-mail n'est pas valable : corrigez-la, rien n'a été envoyé.")
    by, now, recipient = request.member.user, timezone.now(), form.cleaned_data["recipient"]
    message = key_emails.resend(allocation_id=pk, recipient=recipient, by=by, at=now)
    words = f"La même clé part pour {message.recipient}."
    if form.cleaned_data["keep"] and recipient != allocation.recipient:
        with suppress(NotInPortfolio):
            portfolio.set_contact_email(uai=allocation.school_id, email=recipient, by=by, at=now)
            words += " Les prochaines y partiront aussi."
    messages.success(request, words)
    return return_to_page(request, allocation)


@confirmed_recently()
@never_cache
@require_POST
@office(Capability.GIVE_LICENCES)
@page_action("pools:allocation", "pk")
def reveal(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Confirm, then show the key once, recording it in the audit log."""
    allocation = get_object_or_404(Allocation.objects.select_related("school"), pk=pk)
    key = ""
    if "confirmed" in request.POST:
        key = key_emails.reveal(allocation_id=pk, by=request.member.user, at=timezone.now())
    return render(request, "pools/reveal.html", {"allocation": allocation, "key": key})
