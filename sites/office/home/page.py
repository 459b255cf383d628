"""The page: figures of the year, what is to be done, schools to help, lots and latest events."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from collectivities.access import OfficeHttpRequest, office
from collectivities.journal import list_journal_groups
from collectivities.models import Role
from collectivities.queries import list_members
from core import formatting
from core.calendar import date_in_paris
from licensing.pools.filters import DORMANT, DORMANT_DAYS, LOST, REACHED
from licensing.pools.models import BULK_ACTIONS
from licensing.pools.positions import StuckKeys, list_pool_progress, list_stuck_keys, read_rights
from sites.office.first_steps import get_first_steps
from sites.office.home.figures import FunnelStage, YearFigures, build_years, count_available
from sites.office.home.to_do import list_to_do
from sites.office.home.waiting import PREPARER_ROLES, find_waiting
from sites.office.weeks import get_weekly_curve

MAX_EVENTS = 5
#: Schools to help that the page names.
MAX_HELPED = 5


@office()
def office_home(request: OfficeHttpRequest) -> HttpResponse:
    """Show how far the licences have come, and what to do next."""
    now = timezone.now()
    today = date_in_paris(now)
    roles = {Role(role) for role in request.member.roles}
    rights = read_rights()
    pools = list_pool_progress(rights)
    running = [pool for pool in pools if not pool.position.entitlement.over_on(today)]
    years = build_years(running, today)
    stuck = list_stuck_keys(now, limit=MAX_HELPED, rights=rights)
    unpaid = [pool.position for pool in running if pool.position.entitlement.temporary_until is not None]
    waiting = find_waiting(roles, [position.order_number for position in unpaid], now)
    buys, manages = Role.BUYER in roles, Role.MANAGER in roles
    managers = [] if manages else list_members(Role.MANAGER)
    first_steps = get_first_steps(request.member, [pool.position for pool in pools], today)
    context = {
        "first_steps": first_steps,
        "year": years[0] if years else None,
        "stages": _list_stages(years[0]) if years else [],
        "later_years": years[1:],
        "to_do": list_to_do(request.member, running, stuck, waiting, now, managers=[one.user for one in managers]),
        "free": count_available(running, today),
        "gives": not PREPARER_ROLES.isdisjoint(roles),
        "buys": buys,
        "buyers": [] if buys or running else list_members(Role.BUYER),
        "manages": manages,
        "managers": managers,
        "dormant_days": DORMANT_DAYS,
        "contact": waiting.contact,
        "stuck": stuck,
        "dormant_query": f"state={DORMANT}",
        "stuck_lists": _list_all_stuck(stuck),
        "pools": [pool.position for pool in running],
        "ended": len(pools) - len(running),
        "weeks": get_weekly_curve(today),
        # The page fetches the map once it stands: of 10,000 schools, it takes as long as all the rest.
        "has_map": first_steps is None or bool(running) or first_steps[0].done,
        "groups": list_journal_groups(MAX_EVENTS, without=BULK_ACTIONS),
    }
    return render(request, "office/home.html", context)


def _list_all_stuck(stuck: StuckKeys) -> list[tuple[str, str]]:
    """Return links to all schools to help, each with its words, where the page does not name them all."""
    if len(stuck.first) < MAX_HELPED or stuck.lost + stuck.dormant <= MAX_HELPED:
        return []
    lists = [
        (stuck.lost, "l'e-mail non remis", "e-mails non remis", LOST),
        (stuck.dormant, "l'école sans nouvelles", "écoles sans nouvelles", DORMANT),
    ]
    allocations = f"{reverse('pools:allocations')}?situation="
    return [
        (f"Voir {one if count == 1 else f'les {formatting.number(count)} {several}'}", f"{allocations}{choice}")
        for count, one, several, choice in lists
        if count
    ]


def _list_stages(year: YearFigures) -> list[tuple[FunnelStage, str]]:
    """Return the stages of a year, each with the list that it counts."""
    allocations = f"{reverse('pools:allocations')}?year={year.year}"
    urls = {
        "bought": reverse("pools:pools"),
        "given": allocations,
        "delivered": f"{allocations}&situation={REACHED}",
        "redeemed": f"{allocations}&situation=redeemed",
        "used": f"{allocations}&situation=redeemed&sort=-held",
    }
    return [(stage, urls[stage.code]) for stage in year.stages]
