"""Which letters come to a member by themselves: by their roles, and by their choice."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from collectivities.models import Letter, LetterChoice, Member, Role
from collectivities.queries import list_reachable_members
from core.formatting import collectivity_forms, join_words
from tenants.models import Collectivity


def list_offered(roles: Collection[str]) -> list[Letter]:
    """Return the letters that a member with these roles may get."""
    letters = [Letter.WEEKLY]
    if Role.MANAGER in roles:
        letters.append(Letter.FAILURE)
    if not {Role.BUYER, Role.MANAGER}.isdisjoint(roles):
        letters.append(Letter.RENEWAL)
    if Role.MANAGER in roles:
        letters.append(Letter.REQUESTS)
    return letters


def is_wanted_by_default(letter: Letter, roles: Collection[str]) -> bool:
    """Whether the letter comes to a member with these roles who chose nothing: a mere reader has nothing to do."""
    return letter in list_offered(roles) and set(roles) != {Role.VIEWER}


def find_wanted(member: Member) -> dict[Letter, bool]:
    """Return each letter that the member may get, and whether it comes. One query."""
    chosen = dict(LetterChoice.objects.filter(member_id=member.pk).values_list("letter", "is_wanted"))
    return {
        letter: chosen.get(letter, is_wanted_by_default(letter, member.roles)) for letter in list_offered(member.roles)
    }


def list_recipients(letter: Letter, *roles: Role) -> list[Member]:
    """Return the members to whom the letter comes, of one of the roles where any is given. Three queries."""
    return keep_wanting(sorted(list_reachable_members(*roles), key=lambda member: member.pk), letter)


def keep_wanting(members: Iterable[Member], letter: Letter) -> list[Member]:
    """Return those of the members to whom the letter comes. One query."""
    members = list(members)
    choices = LetterChoice.objects.filter(letter=letter, member__in=[one.pk for one in members])
    chosen = dict(choices.values_list("member_id", "is_wanted"))
    return [
        one
        for one in members
        if letter in list_offered(one.roles) and chosen.get(one.pk, is_wanted_by_default(letter, one.roles))
    ]


def find_recipient(member_id: int, letter: Letter) -> Member | None:
    """Return the member if the letter still comes to them, else None: they left, or turned it off. Three queries."""
    members = [one for one in Member.objects.active().filter(pk=member_id) if one.user.is_active]
    return next(iter(keep_wanting(members, letter)), None)


def describe_membership(member: Member, office: Collectivity) -> str:
    """Return « vous êtes gestionnaire et acheteur du bureau de la ville de Nîmes »."""
    roles = join_words([str(Role(role).label).lower() for role in Role.values if role in member.roles])
    return f"vous êtes {roles} du bureau {collectivity_forms(office.name).of_the}"
