"""The pages of « Mon compte », one a tab, whose content depends on the user's profile.

The first tab is the dashboard: a principal's teachers and licences, a teacher's licence.
"""

import datetime
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers
from django_tenants.utils import tenant_context

from accounts.forms import PersonForm
from accounts.models import Profile
from accounts.queries import get_account_state
from accounts.requests import AuthenticatedRequest
from collectivities.queries import get_office_contact, get_office_settings
from core.calendar import date_in_paris
from core.exceptions import DomainError
from licensing.catalogue.models import SchoolYear
from licensing.classes import operations
from licensing.entitlements import overview, seat_holders
from licensing.entitlements.overview import PrincipalOverview, SubscriptionCard
from licensing.requests.returns import queries
from licensing.requests.returns.wording import describe_demand
from licensing.requests.school_requests import queries as requests
from licensing.requests.school_requests.models import LicenceRequestEnd
from sites.portal.my_account import roster, verification
from sites.portal.my_account.roster import SchoolRoster
from sites.portal.orders import list_unsigned_progress
from sites.portal.school_fields import SchoolFields
from tenants.models import Collectivity
from web.access import signed_in


def get_demands(found: PrincipalOverview, *, at: datetime.datetime) -> dict[str, Any]:
    """Return the context of the banners that ask for licences. No query but where some are asked for: two."""
    keys = [card.subscription.key_id for card in found.cards if card.is_asked_for] if found.verified else []
    asked = queries.list_open_requests(keys, at) if keys else {}
    unused = queries.count_unused(list(asked)) if asked else {}
    return {
        "return_demands": [
            {
                "subscription_id": request.key.subscription.pk,
                "words": describe_demand(request),
                # What the principal can give back at once.
                "offered": min(request.units, unused.get(key_id, 0)),
            }
            for key_id, request in asked.items()
        ]
    }


def get_offers(found: PrincipalOverview, *, at: datetime.datetime) -> dict[str, Any]:
    """Return what the tab « Licences » offers to take again; its cards say what can be given back. Three queries."""
    keys = _list_given(found)
    if not keys:
        return {"undoable_returns": []}
    unused, days = queries.count_unused(keys), queries.find_return_days(keys)
    for card in found.cards:
        card.unused = unused.get(card.subscription.key_id, 0) if card.is_given and card.available else 0
        card.returned_on = days.get(card.subscription.key_id)
    return {"undoable_returns": queries.list_undoable_returns(keys, at)}


def _list_given(found: PrincipalOverview) -> list[int]:
    """Return the keys of the current subscriptions that collectivities gave; none to who is not verified."""
    given = [card.subscription.key_id for card in found.cards if card.is_given and card.is_current]
    return given if found.verified else []


_SESSION_KEY = "notice"
NEXT, SAME = "next", "same"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A message in the list of teachers."""

    sentence: str
    refused: bool = False
    #: The row that it stands beside, `RosterRow.key`; empty: on top of the list.
    row: str = ""
    #: The assigned seats that « Annuler » takes back.
    seats: tuple[int, ...] = ()
    #: Whether the form that invites stays open: more may be invited.
    inviting: bool = False
    #: The invitation that « Relancer » sends again.
    waiting: int = 0
    #: Where the focus goes: to the next person to give a licence after `row`, or to `row`; empty: to the message.
    focus: str = ""


def keep_notice(request: HttpRequest, notice: Notice) -> None:
    """Keep the message for the next page: the act was sent without scripts, and is answered by a redirect."""
    request.session[_SESSION_KEY] = asdict(notice)


def take_notice(request: HttpRequest) -> Notice | None:
    """Return the message that was kept, and forget it."""
    kept: dict[str, Any] | None = request.session.pop(_SESSION_KEY, None)
    return Notice(**{**kept, "seats": tuple(kept["seats"])}) if kept else None


def list_givers(cards: list[SubscriptionCard]) -> list[dict[str, Any]]:
    """Return the collectivities that gave these licences, each once, with whom their e-mails say to ask.

    Three queries a collectivity at most.
    """
    found: dict[int, Collectivity] = {}
    for card in cards:
        collectivity = card.entitlement.collectivity
        if collectivity is not None:
            found[collectivity.pk] = collectivity
    givers = []
    for collectivity in found.values():
        with tenant_context(collectivity):
            givers.append({"name": collectivity.name, "contact": get_office_contact(get_office_settings())})
    return givers


def get_next_licences(found: PrincipalOverview, *, at: datetime.datetime) -> dict[str, Any]:
    """Return the context of `portal/_next_licences.html`; empty for a school without licences.

    One query, and two for each collectivity that gave.
    """
    if not found.current:
        return {}
    last_day = max(card.entitlement.last_day for card in found.current)
    following = SchoolYear.objects.filter(starts_on__gt=last_day, sold_from__isnull=False).order_by("ends_on").first()
    today = date_in_paris(at)
    return {
        "givers": list_givers(found.current),
        "last_day": last_day,
        "next_year": following,
        "next_year_from": following.sold_from
        if following and following.sold_from and following.sold_from > today
        else None,
    }


#: Session key of the school displayed to a principal of several.
SCHOOL_SESSION_KEY = "school"
#: Query parameter of the school year displayed, where there are several.
YEAR = "annee"
#: `Notice.row` of a message about the form that invites teachers.
INVITE_FORM = "inviter"


@signed_in
@require_safe
@vary_on_headers("HX-Request")
def my_account(request: AuthenticatedRequest) -> HttpResponse:
    """Show the dashboard, or select the displayed school; answer 304 to an open page that is unchanged."""
    if "etablissement" in request.GET:
        request.session[SCHOOL_SESSION_KEY] = request.GET["etablissement"]
        return redirect("my_account")
    if request.htmx:
        return _refresh(request, dashboard=True)
    return render_page(request, notice=take_notice(request))


@signed_in
@require_safe
@vary_on_headers("HX-Request")
def licences_page(request: AuthenticatedRequest) -> HttpResponse:
    """Show a principal's subscriptions and their keys; answer 304 to an open page that is unchanged."""
    if request.user.profile != Profile.PRINCIPAL:
        return redirect("my_account")
    if request.htmx:
        return _refresh(request, dashboard=False)
    return render_licences_page(request)


def _refresh(request: AuthenticatedRequest, *, dashboard: bool) -> HttpResponse:
    if request.headers.get("If-None-Match") == f'"{get_version(request)}"':
        return HttpResponseNotModified()
    if not dashboard:
        return render(request, "portal/_licences.html", _get_licences_context(request))
    return render_dashboard(request)


def render_page(request: AuthenticatedRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    """Return the first tab; `changed` adds to its context, e.g. an error or the ticked teachers."""
    content = {"tab": "dashboard", **get_dashboard_context(request, **changed)}
    template = {
        Profile.PRINCIPAL: "portal/my_account.html",
        Profile.TEACHER: "portal/my_account_teacher.html",
    }.get(Profile(request.user.profile), "portal/my_account_agent.html")
    return render(request, template, content, status=status)


def render_dashboard(request: AuthenticatedRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    """Return the part of the first tab that an act or somebody else changes, for htmx."""
    is_principal = request.user.profile == Profile.PRINCIPAL
    template = "portal/_dashboard.html" if is_principal else "portal/_teacher_licences.html"
    return render(request, template, get_dashboard_context(request, **changed), status=status)


def render_licences_page(request: AuthenticatedRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    """Return the tab « Licences »."""
    content = {"tab": "licences", **_get_licences_context(request), **changed}
    return render(request, "portal/my_account_licences.html", content, status=status)


def render_school_page(request: AuthenticatedRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    """Return the tab « Mon école »; `changed` overrides its context, e.g. with a bound form."""
    content = {
        "tab": "school",
        "school_form": SchoolFields(initial={"country": "France"}),
        **get_overview_context(request),
        **changed,
    }
    content["likely_schools"] = verification.find_likely_schools(content)
    return render(request, "portal/my_account_school.html", content, status=status)


def render_profile_page(request: AuthenticatedRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    """Return the tab « Mon profil »; `changed` overrides its context, e.g. with a bound form."""
    content = {
        "tab": "profile",
        "person_form": PersonForm(instance=request.user),
        "account": get_account_state(request.user),
        **changed,
    }
    return render(request, "portal/my_account_profile.html", content, status=status)


def get_overview_context(request: AuthenticatedRequest) -> dict[str, Any]:
    """Return what the user's schools and licences are, for any tab."""
    user = request.user
    now = timezone.now()
    if user.profile == Profile.PRINCIPAL:
        # Read before the data: a change in between is then detected at the next poll.
        current_version = get_version(request)
        found = overview.of_principal(
            user,
            at=now,
            school=request.session.get(SCHOOL_SESSION_KEY, ""),
            others={"mutes_letter": requests.mutes_letter()},
        )
        return {
            "version": current_version,
            "overview": found,
            "teaches": found.teaches,
            "carry_offers": operations.list_offers(user, at=now) if found.teaches else [],
            "verification_offer": verification.get_verification_offer(user, found, at=now),
        }
    if user.profile == Profile.TEACHER:
        licences = overview.of_teacher(user, at=now)
        affiliation = user.affiliations.select_related("school").first()
        asks = affiliation is not None and affiliation.school_id and not any(one.available for one in licences)
        own_request = requests.find_last_request(user, affiliation.school_id) if affiliation and asks else None
        offers = operations.list_offers(user, at=now)
        return {
            "version": get_version(request),
            "licences": licences,
            "carry_offers": offers,
            "offered_seats": operations.list_offered_seats(offers),
            "affiliation": affiliation,
            "own_request": own_request,
            "can_ask": asks and (own_request is None or not own_request.is_pending),
            "request_refusal": None,
        }
    return {}


def _get_licences_context(request: AuthenticatedRequest) -> dict[str, Any]:
    content = get_overview_context(request)
    found: PrincipalOverview | None = content.get("overview")
    if found is None:
        return content
    now = timezone.now()
    return {
        **content,
        **get_next_licences(found, at=now),
        **get_demands(found, at=now),
        **get_offers(found, at=now),
        "unsigned_orders": list_unsigned_progress(request.user, at=now),
    }


def get_dashboard_context(
    request: AuthenticatedRequest, *, notice: Notice | None = None, ticked: Collection[int] = (), **changed: Any
) -> dict[str, Any]:
    """Return the context of the first tab.

    `notice`: what an act did, beside the person it is about. `ticked`: the teachers who stay selected.
    """
    content = {**get_overview_context(request), "notice": notice, "ticked": ticked, "chosen": "", **changed}
    found: PrincipalOverview | None = content.get("overview")
    if found is None:
        return content
    now = timezone.now()
    asked = requests.list_of_school(found.affiliation.school_id) if found.affiliation and found.verified else []
    years = roster.list_school_years(found)
    shown = roster.build_roster(request.user, found, school_year=_choose_year(request, found, years), at=now)
    return {
        **content,
        **get_demands(found, at=now),
        "years": years if len(years) > 1 else [],
        # Of the acts, too: their answer shows the same school year.
        "year_query": f"?{YEAR}={shown.school_year}" if len(years) > 1 else "",
        "roster": shown,
        "asked": [one for one in asked if one.outcome != LicenceRequestEnd.WITHDRAWN],
        "request_waits": any(one.is_pending for one in asked),
        "wants_letters": found.affiliation and found.verified and not vars(found.affiliation)["mutes_letter"],
        "unsigned_orders": list_unsigned_progress(request.user, at=now),
        "undo_seconds": int(seat_holders.UNDO_OFFERED_FOR.total_seconds()),
        "today": date_in_paris(now),
        "title": roster.describe_classes(found, shown),
        "givers": list_givers(shown.cards) if shown.missing or shown.exhausted or changed.get("wants_more") else [],
        **_place_notice(notice, shown),
    }


def _place_notice(notice: Notice | None, shown: SchoolRoster) -> dict[str, Any]:
    """Return beside which row the message stands, if it is listed, and whose button the focus goes to."""
    listed = {row.key for row in shown.rows} | {INVITE_FORM}
    row = notice.row if notice is not None and notice.row in listed else ""
    focused = ""
    if notice is not None and notice.focus:
        focused = row if notice.focus == SAME else shown.find_next(row)
    return {"notice_row": row, "focused": focused, "next_row": focused or shown.find_next("")}


def _choose_year(request: AuthenticatedRequest, found: PrincipalOverview, years: list[int]) -> int:
    """Return the requested school year if it has subscriptions, else the one that has begun, else the first."""
    requested = request.GET.get(YEAR, "")
    for year in years:
        if str(year) == requested:
            return year
    begun = (card.school_year for card in found.current if card.opens_classes)
    today = date_in_paris(timezone.now())
    return min(begun, default=min(years, default=today.year))


def get_version(request: AuthenticatedRequest) -> str:
    """Return the ETag of the licences fragment, in one query, as every open page polls it."""
    user, school = request.user, request.session.get(SCHOOL_SESSION_KEY, "")
    others = requests.list_version_figures(user)
    return overview.compute_version(user, school=school, at=timezone.now(), others=others)


def respond(request: AuthenticatedRequest, notice: Notice) -> HttpResponse:
    """Say what was done, beside the row it is about."""
    if request.htmx:
        return render_dashboard(request, notice=notice)
    keep_notice(request, notice)
    year = request.GET.get(YEAR, "")
    return redirect(reverse("my_account", query={YEAR: year} if year.isdigit() else None))


def refuse(request: AuthenticatedRequest, refusal: DomainError, *, row: str = "", **context: object) -> HttpResponse:
    """Say why nothing was done, beside the row it is about; `context` keeps what was ticked or typed."""
    notice = Notice(sentence=str(refusal), refused=True, row=row)
    # No redirect, to keep the input.
    render_part = render_dashboard if request.htmx else render_page
    return render_part(request, status=409, notice=notice, **context)


def parse_pk(value: str) -> int:
    """Return a primary key. Raises `Http404` for what is none."""
    if not (value.isascii() and value.isdigit() and len(value) < 19):  # noqa: PLR2004 - what a bigint holds
        raise Http404("No number.")
    return int(value)
