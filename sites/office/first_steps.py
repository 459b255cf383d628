"""The three first steps of an office: its schools, its licences, and giving them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from django.urls import reverse

from collectivities.models import Member, PortfolioSchool, Role
from collectivities.queries import list_members
from core.formatting import pluralize
from licensing.orders.models import OrderState
from licensing.pools.positions import PoolPosition, list_pool_positions
from schools.territory import find_territory
from sites.office.purchases import get_current_collectivity, list_purchases

_SCHOOL_EDITORS = (Role.DATA_OFFICER, Role.MANAGER)
_GIVERS = (Role.DATA_OFFICER, Role.MANAGER)


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
    roles = frozenset(member.roles)
    running = [position for position in positions if not position.entitlement.over_on(today)]
    licences = _build_licences_step(roles, running)
    steps = [_build_schools_step(roles), licences, _build_giving_step(roles, running, today, bought=licences.done)]
    members = list_members() if any(not step.done and not step.action for step in steps) else []
    for step, able in zip(steps, (_SCHOOL_EDITORS, (Role.BUYER,), _GIVERS), strict=True):
        if not step.done and roles.isdisjoint(able):
            step.colleagues = [one for one in members if not set(able).isdisjoint(one.roles)]
            step.lacks_role = "" if step.colleagues else "d’acheteur" if Role.BUYER in able else "de gestionnaire"
    following = next((step for step in steps if not step.done and step.action), None)
    if following is not None:
        following.is_next = True
    return steps


def _have_given(positions: list[PoolPosition]) -> bool:
    return any(position.schools for position in positions)


def _build_schools_step(roles: frozenset[str]) -> FirstStep:
    step = FirstStep("Vos écoles", "À qui vous donnerez des licences.", colleagues_do="les ajouter")
    count = PortfolioSchool.objects.count()
    if count:
        step.done, step.figure = True, pluralize(count, "école")
        step.others = [(reverse("portfolio:list"), "Les voir")]
        return step
    if roles.isdisjoint(_SCHOOL_EDITORS):
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


def _build_licences_step(roles: frozenset[str], running: list[PoolPosition]) -> FirstStep:
    step = FirstStep(
        "Vos licences", "Une licence sert une classe : son enseignant et 30 élèves.", colleagues_do="en commander"
    )
    if running:
        step.done = True
        step.figure = pluralize(sum(position.bought for position in running), "licence")
        step.others = [(reverse("pools:pools"), "Voir les lots")]
        return step
    if Role.BUYER not in roles:
        return step
    step.url, step.action = reverse("purchases:new"), "Choisir vos licences"
    draft = list_purchases().filter(state=OrderState.DRAFT).order_by("-pk").first()
    if draft is not None:
        step.url, step.action = reverse("purchases:detail", args=[draft.pk]), f"Terminer la commande n° {draft.pk}"
        step.others = [(reverse("purchases:new"), "En préparer une autre")]
    return step


def _build_giving_step(
    roles: frozenset[str], running: list[PoolPosition], today: datetime.date, *, bought: bool
) -> FirstStep:
    step = FirstStep(
        "Donner", "Chaque école reçoit sa clé par e-mail, et la direction l'active.", colleagues_do="les distribuer"
    )
    if bought and not roles.isdisjoint(_GIVERS):
        free = sum(position.free for position in running if position.entitlement.available_on(today))
        if free:
            words = pluralize(free, "licence")
            step.url = reverse("distribute")
            step.action = f"Distribuer ces {words}" if free > 1 else f"Distribuer cette{words[1:]}"
        else:
            step.url, step.action = reverse("pools:pools"), "Voir pourquoi rien n'est libre"
    return step
