import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_tables2 import RequestConfig

from accounts.throttling import limit_downloads
from collectivities import letters
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.letters import find_wanted
from collectivities.models import Letter
from collectivities.queries import get_current_collectivity
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import DomainError
from core.formatting import format_school_year
from core.spreadsheets import WorksheetContent
from core.spreadsheets import build_workbook as write_workbook
from licensing.pools.models import Pool
from licensing.pools.positions import list_pool_positions
from licensing.pools.wording import describe_pool
from licensing.requests.school_requests import operations, queries
from licensing.requests.school_requests.models import LicenceRequest
from licensing.requests.school_requests.operations import MAX_GRANTED, BadRequestSentence
from licensing.requests.school_requests.preview import (
    AnsweredRequestTable,
    LicenceRequestTable,
    build_guard,
    list_waiting,
    preview_acceptance,
)
from schools.wording import format_school_name
from web.page_actions import page_action

_COLUMN_TITLES = (
    "UAI", "Établissement", "Commune", "Année scolaire", "Demandées", "Motif", "Envoyée le", "État", "Données",
    "Réponse", "Répondue le",
)  # fmt: skip
_COLUMN_WIDTHS = (11, 44, 24, 16, 12, 60, 14, 20, 10, 60, 14)
_CHUNK_SIZE = 2000


def build_workbook(requests: QuerySet[LicenceRequest]) -> bytes:
    """Return the requests as an xlsx file, in the order of the queryset, written row by row."""
    rows = (_row(request) for request in requests.iterator(chunk_size=_CHUNK_SIZE))
    return write_workbook(WorksheetContent("Demandes", _COLUMN_TITLES, _COLUMN_WIDTHS, rows))


def _row(request: LicenceRequest) -> Sequence[Any]:
    return (
        request.school_id,
        format_school_name(request.school.name),
        request.school.commune,
        format_school_year(request.school_year),
        request.units,
        request.reason,
        date_in_paris(request.created_at),
        str(request.state.label),
        request.accepted_units,
        request.answer,
        date_in_paris(request.ended_at) if request.ended_at else None,
    )


_PAGE_SIZE = 50
_XLSX_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@office()
@require_safe
def request_list(request: OfficeHttpRequest) -> HttpResponse:
    """Show the requests that wait, which a manager answers; `etat=repondues`: the others."""
    return render_list(request)


def render_list(
    request: OfficeHttpRequest,
    *,
    status: int = 200,
    ticked: Collection[int] = (),
    typed: Mapping[int, str] | None = None,
    **changed: Any,
) -> HttpResponse:
    """Return the page; `ticked`, `typed` and `changed` keep what a refused form had, and say why."""
    collectivity, now = get_current_collectivity(), timezone.now()
    manages = request.member.may(Capability.GIVE_LICENCES)
    answered = request.method == "GET" and request.GET.get("etat") == "repondues"
    requests = queries.list_of_office(collectivity).filter(ended_at__isnull=not answered)
    today = date_in_paris(now)
    lots = [one for one in list_pool_positions() if one.free and one.entitlement.available_on(today)] if manages else []
    table: AnsweredRequestTable | LicenceRequestTable
    if answered:
        table = AnsweredRequestTable(requests)
    else:
        hidden = [] if manages else ["pick", "given"]
        table = LicenceRequestTable(requests, exclude=hidden, ticked=ticked, typed=typed)
    RequestConfig(request, paginate={"per_page": _PAGE_SIZE}).configure(table)
    waiting, units = queries.count_waiting(collectivity)
    context = {
        "table": table,
        "answered": answered,
        "waiting": waiting,
        "units": units,
        "any": waiting or LicenceRequest.objects.filter(collectivity_id=collectivity.pk).exists(),
        "manages": manages,
        "lots": [(one.pool_id, describe_pool(one.name, one.free, one.entitlement, today)) for one in lots],
        "wants_letters": find_wanted(request.member).get(Letter.REQUESTS, False),
        "refusal": "",
        "refused_field": "",
        "sentence": "",
        "lot": None,
        **changed,
    }
    return render(request, "requests/list.html", context, status=status)


@office()
@require_safe
@limit_downloads
def export(_request: OfficeHttpRequest) -> HttpResponse:
    """Export all requests to the office as a workbook."""
    workbook = build_workbook(queries.list_of_office(get_current_collectivity()))
    response = HttpResponse(workbook, content_type=_XLSX_CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="demandes-{date_in_paris(timezone.now())}.xlsx"'
    return response


#: More than a page of the list holds.
_MAX_CHOSEN = 200
_CHANGED = "Ce qui va se passer a changé depuis que vous l'avez lu. Rien n'est fait : relisez, puis confirmez."


@require_POST
@office(Capability.GIVE_LICENCES)
def decide(request: OfficeHttpRequest) -> HttpResponse:
    """Accept the ticked requests, once a page has stated what that gives, or refuse them with the sentence typed."""
    action = request.POST.get("action", "")
    if action not in {"accepter", "refuser"}:
        raise Http404("No such action.")
    chosen = _get_chosen(request)
    waiting = list_waiting(get_current_collectivity(), chosen)
    if not chosen:
        return _refuse(request, "Cochez au moins une demande.", chosen, field="")
    if len(waiting) < len(chosen):
        gone = "Une demande cochée n'attend plus de réponse : la liste ci-dessous est à jour. Rien n'est fait."
        return _refuse(request, gone, chosen, field="", status=409)
    if action == "refuser":
        return _refuse_requests(request, chosen)
    return _accept(request, waiting)


def _get_chosen(request: OfficeHttpRequest) -> list[int]:
    ids = [one for one in request.POST.getlist("demandes") if re.fullmatch(r"[0-9]{1,18}", one)]
    return list(dict.fromkeys(int(one) for one in ids))[:_MAX_CHOSEN]


def _refuse_requests(request: OfficeHttpRequest, chosen: list[int]) -> HttpResponse:
    sentence = request.POST.get("phrase", "")
    try:
        refused = operations.refuse_requests(
            request_ids=chosen, sentence=sentence, by=request.member.user, at=timezone.now()
        )
    except BadRequestSentence as refusal:
        return _refuse(request, str(refusal), chosen, field="phrase")
    except DomainError as refusal:
        return _refuse(request, str(refusal), chosen, field="", status=409)
    done = formatting.pluralize(len(refused), "demande refusée", "demandes refusées")
    informed = "la direction qui avait demandé" if len(refused) == 1 else "chaque direction qui avait demandé"
    messages.success(request, f"{done} : {informed} reçoit votre phrase par e-mail.")
    return redirect("requests:list")


def _accept(request: OfficeHttpRequest, waiting: list[LicenceRequest]) -> HttpResponse:
    chosen = [one.pk for one in waiting]
    lot = request.POST.get("lot", "")
    pools = Pool.objects.prefetch_related("entitlement__product")
    pool = pools.filter(pk=int(lot)).first() if re.fullmatch(r"[0-9]{1,18}", lot) else None
    if pool is None:
        return _refuse(request, "Choisissez le lot dont les licences viennent.", chosen, field="lot")
    units: dict[int, int] = {}
    for one in waiting:
        typed = re.sub(r"\s", "", request.POST.get(f"licences-{one.pk}", str(one.units)))
        if not re.fullmatch(r"[0-9]{1,9}", typed) or not 1 <= int(typed) <= MAX_GRANTED:
            fault = f"Donnez à chaque école entre 1 et {formatting.number(MAX_GRANTED)} licences."
            return _refuse(request, fault, chosen, field=f"licences-{one.pk}")
        units[one.pk] = int(typed)
    now = timezone.now()
    preview = preview_acceptance(pool, waiting, units)
    guard = build_guard(preview, now)
    confirmed, fault, notice, status = request.POST.get("confirmed"), "", "", 200
    if confirmed is not None and confirmed != str(preview.units):
        notice, status = _CHANGED, 409
    elif confirmed is not None and guard is not None:
        fault = guard.find_fault(request.POST.get("confirmed_count", ""), "cette réponse")
        status = 422 if fault else 200
    if preview.obstacle:
        status = 409
    elif confirmed is not None and not notice and not fault:
        grants = [operations.GrantedUnits(pk, count) for pk, count in units.items()]
        try:
            operations.accept_requests(pool_id=pool.pk, grants=grants, by=request.member.user, at=now)
        except DomainError as refusal:
            notice, status = str(refusal), 409
        else:
            given = formatting.pluralize(preview.units, "licence donnée", "licences données")
            messages.success(request, f"{given} à {formatting.pluralize(len(units), 'école')} : les e-mails partent.")
            return redirect("requests:list")
    context = {"preview": preview, "guard": guard, "fault": fault, "notice": notice}
    return render(request, "requests/accept.html", context, status=status)


def _refuse(
    request: OfficeHttpRequest, refusal: str, chosen: list[int], *, field: str, status: int = 422
) -> HttpResponse:
    """Return the list with what was ticked and typed, and why nothing was done."""
    prefix = "licences-"
    typed = {
        int(name.removeprefix(prefix)): str(value)[:20]
        for name, value in request.POST.items()
        if re.fullmatch(rf"{prefix}[0-9]{{1,18}}", name)
    }
    kept: dict[str, Any] = {"sentence": request.POST.get("phrase", "")[:1000], "lot": request.POST.get("lot", "")}
    return render_list(request, status=status, ticked=chosen, typed=typed, refusal=refusal, refused_field=field, **kept)


@require_POST
@office(Capability.GIVE_LICENCES)
@page_action("requests:list")
def choose_letters(request: OfficeHttpRequest) -> str:
    """Have the e-mail about waiting requests sent to the manager, or not."""
    wanted = "oui" in request.POST.getlist("e-mails")
    letters.choose_letters(member=request.member, wanted={Letter.REQUESTS: wanted}, at=timezone.now())
    if wanted:
        return "Vous recevrez un e-mail quand une école demande."
    return "Vous ne recevrez plus d'e-mail des demandes."
