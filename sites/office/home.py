"""The office's home page: how far its licences have come, what is to be done, which schools to help."""

import datetime
from dataclasses import dataclass, field

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.journal import list_journal_groups
from collectivities.models import Member, PortfolioSchool
from collectivities.queries import get_current_collectivity, list_members
from core import formatting
from core.calendar import date_in_paris
from core.formatting import pluralize
from licensing.orders.models import OrderState
from licensing.pools.filters import DORMANT, DORMANT_DAYS, LOST, REACHED
from licensing.pools.models import BULK_ACTIONS
from licensing.pools.positions import PoolPosition, StuckKeys, list_pool_positions, read_progress
from schools.territory import find_territory
from sites.office.purchases import list_purchases
from sites.office.to_do import find_pending_work, list_to_do
from sites.office.weeks import get_weekly_curve
from sites.office.year_figures import FunnelStage, YearFigures, build_years, count_available

_STEPS = (Capability.KEEP_SCHOOLS, Capability.BUY_LICENCES, Capability.PREPARE_IMPORTS)


@dataclass
class FirstStep:
    """A step: what it is for, its figure once it is done, the act that does it, or the members who may do it."""

    name: str
    purpose: str
    done: bool = False
    figure: str = ""
    action: str = ""
    url: str = ""
    #: Other ways: URL and label.
    others: list[tuple[str, str]] = field(default_factory=list)
    #: Who may do it, where the member may not.
    colleagues: list[Member] = field(default_factory=list)
    colleagues_do: str = ""
    #: « d'acheteur », where no member may do it.
    lacks_role: str = ""
    #: The page's one filled button.
    is_next: bool = False


def are_first_steps_done() -> bool:
    """Return whether the office has given licences. One query."""
    return _have_given(list_pool_positions())


def get_first_steps(member: Member, positions: list[PoolPosition], today: datetime.date) -> list[FirstStep] | None:
    """Return the three steps as the member sees them; None once licences were given. No query then, else seven at most.

    `positions`: all of the office's pools. The next step is the first undone one that the member may do.
    """
    if _have_given(positions):
        return None
    running = [position for position in positions if not position.entitlement.over_on(today)]
    licences = _build_licences_step(member, running)
    steps = [_build_schools_step(member), licences, _build_giving_step(member, running, today, bought=licences.done)]
    members = list_members() if any(not step.done and not step.action for step in steps) else []
    for step, asked in zip(steps, _STEPS, strict=True):
        if not step.done and not member.may(asked):
            step.colleagues = [one for one in members if one.may(asked)]
            lacking = "d’acheteur" if asked is Capability.BUY_LICENCES else "de gestionnaire"
            step.lacks_role = "" if step.colleagues else lacking
    following = next((step for step in steps if not step.done and step.action), None)
    if following is not None:
        following.is_next = True
    return steps


def _have_given(positions: list[PoolPosition]) -> bool:
    return any(position.schools for position in positions)


def _build_schools_step(member: Member) -> FirstStep:
    step = FirstStep("Vos écoles", "À qui vous donnerez des licences.", colleagues_do="les ajouter")
    count = PortfolioSchool.objects.count()
    if count:
        step.done, step.figure = True, pluralize(count, "école")
        step.others = [(reverse("portfolio:list"), "Les voir")]
        return step
    if not member.may(Capability.KEEP_SCHOOLS):
        return step
    step.url, step.action = reverse("territory_schools"), "Ajouter les écoles d'une commune"
    territory = find_territory(get_current_collectivity())
    if territory is not None and (schools := territory.list_schools(nurseries=False).count()):
        words = pluralize(schools, "école publique", "écoles publiques")
        step.action = f"Ajouter {'les ' if schools > 1 else ''}{words} {territory.of_place}"
        step.purpose += " L'annuaire national les connaît déjà."
    step.others = [
        (f"{reverse('imports:upload')}?but=portfolio", "Importer un tableau"),
        (reverse("portfolio:add"), "Les chercher une à une"),
    ]
    return step


def _build_licences_step(member: Member, running: list[PoolPosition]) -> FirstStep:
    step = FirstStep(
        "Vos licences", "Une licence sert une classe : son enseignant et 30 élèves.", colleagues_do="en commander"
    )
    if running:
        step.done = True
        step.figure = pluralize(sum(position.bought for position in running), "licence")
        step.others = [(reverse("pools:pools"), "Voir les lots")]
        return step
    if not member.may(Capability.BUY_LICENCES):
        return step
    step.url, step.action = reverse("purchases:new"), "Choisir vos licences"
    draft = list_purchases().filter(state=OrderState.DRAFT).order_by("-pk").first()
    if draft is not None:
        step.url, step.action = reverse("purchases:detail", args=[draft.pk]), f"Terminer la commande n° {draft.pk}"
        step.others = [(reverse("purchases:new"), "En préparer une autre")]
    return step


def _build_giving_step(member: Member, running: list[PoolPosition], today: datetime.date, *, bought: bool) -> FirstStep:
    step = FirstStep(
        "Donner", "Chaque école reçoit sa clé par e-mail, et la direction l'active.", colleagues_do="les distribuer"
    )
    if bought and member.may(Capability.PREPARE_IMPORTS):
        free = sum(position.free for position in running if position.entitlement.available_on(today))
        if free:
            words = pluralize(free, "licence")
            step.url = reverse("distribute")
            step.action = f"Distribuer ces {words}" if free > 1 else f"Distribuer cette{words[1:]}"
        else:
            step.url, step.action = reverse("pools:pools"), "Voir pourquoi rien n'est libre"
    return step


MAX_EVENTS = 5
#: Schools to help that the page names.
MAX_HELPED = 5


@office()
def office_home(request: OfficeHttpRequest) -> HttpResponse:
    """Show how far the licences have come, and what to do next."""
    now = timezone.now()
    today = date_in_paris(now)
    member = request.member
    pools, stuck = read_progress(now, limit=MAX_HELPED)
    running = [pool for pool in pools if not pool.position.entitlement.over_on(today)]
    years = build_years(running, today)
    unpaid = [pool.position for pool in running if pool.position.entitlement.temporary_until is not None]
    waiting = find_pending_work(member, [position.order_number for position in unpaid], now)
    buys, manages = member.may(Capability.BUY_LICENCES), member.may(Capability.GIVE_LICENCES)
    managers = [] if manages else list_members(Capability.GIVE_LICENCES)
    first_steps = get_first_steps(member, [pool.position for pool in pools], today)
    context = {
        "first_steps": first_steps,
        "year": years[0] if years else None,
        "stages": _list_stages(years[0]) if years else [],
        "later_years": years[1:],
        "to_do": list_to_do(member, running, stuck, waiting, now, managers=[one.user for one in managers]),
        "free": count_available(running, today),
        "gives": member.may(Capability.PREPARE_IMPORTS),
        "buys": buys,
        "buyers": [] if buys or running else list_members(Capability.BUY_LICENCES),
        "manages": manages,
        "managers": managers,
        "dormant_days": DORMANT_DAYS,
        "contact": waiting.contact,
        "late_emails": waiting.late_emails,
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
