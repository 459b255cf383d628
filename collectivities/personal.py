"""What collectivities' offices know of a person: handed to him when he asks for it, and ended when he leaves.

Asked of every collectivity at once; what is written is written in the schema of each office that he belongs to. The
journal keeps the name it was written with: a public body must be able to say who gave its licences away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction
from django.db.models.functions import Lower
from django_tenants.utils import tenant_context

from collectivities import audit
from collectivities.exceptions import LastManager
from collectivities.models import Invitation, Member, Role
from collectivities.operations.members import roles_in_words
from mailing import personal as outbox
from tenants.across import ask_all
from web.typography import enumeration

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from accounts.models import User
    from tenants.models import Collectivity

_MEMBERSHIPS = """
    SELECT member.roles, member.joined_at, member.left_at,
           'manager' = ANY(member.roles) AND NOT EXISTS (
               SELECT FROM {schema}.collectivities_member AS other
               WHERE other.left_at IS NULL AND other.id <> member.id AND 'manager' = ANY(other.roles)
           )
    FROM {schema}.collectivities_member AS member WHERE member.user_id = %s
"""


class Membership(NamedTuple):
    """A person's place in an office, of now or of before."""

    collectivity: Collectivity
    roles: list[str]
    joined_at: datetime.datetime
    left_at: datetime.datetime | None
    # Nobody else could invite or apply.
    last_manager: bool


def memberships(user: User) -> list[Membership]:
    """Return the offices the person belongs or belonged to, by name. Two queries for every hundred collectivities."""
    return [
        Membership(collectivity, roles, joined_at, left_at, alone and left_at is None)
        for collectivity, (roles, joined_at, left_at, alone) in ask_all(_MEMBERSHIPS, [user.pk])
    ]


def last_manager_sentence(offices: Collection[str]) -> str:
    """Return why somebody cannot leave the offices of which he is the last manager, and what to do."""
    named = enumeration([f"« {office} »" for office in offices])
    plural = len(offices) > 1
    return (
        f"Vous êtes le dernier gestionnaire {'des bureaux' if plural else 'du bureau'} {named} : donnez d'abord ce "
        f"rôle à une autre personne {'de chacun' if plural else 'du bureau'}, sans quoi plus personne n'y pourrait "
        "inviter ni attribuer."
    )


@transaction.atomic
def leave_all(user: User, *, addresses: Collection[str], at: datetime.datetime) -> None:
    """End the person's membership of every office; each journal says so, by the name he has until now.

    His addresses leave the invitations that were accepted there, and their e-mails. Raises `LastManager`, naming every
    office that he is the last manager of, having changed nothing.
    """
    alone = []
    for one in memberships(user):
        with tenant_context(one.collectivity):
            if one.left_at is None and not _leave(user, at=at):
                alone.append(one.collectivity.name)
            _forget(addresses)
    if alone:
        raise LastManager(last_manager_sentence(alone))


def gathered(user: User) -> list[dict[str, Any]]:
    """Return the offices the person belongs or belonged to, and as what."""
    return [
        {
            "bureau": one.collectivity.name,
            "rôles": roles_in_words(one.roles),
            "depuis le": one.joined_at,
            "parti le": one.left_at,
        }
        for one in memberships(user)
    ]


def _leave(user: User, *, at: datetime.datetime) -> bool:
    """End the membership in the office that is entered; return False, having changed nothing, for its last manager."""
    # All of them, as `operations.members` does: two managers who leave at once must not leave none.
    members = list(Member.objects.active().locked())
    mine = next((member for member in members if member.user_id == user.pk), None)
    if mine is None:
        return True  # left in between
    if Role.MANAGER in mine.roles and not any(Role.MANAGER in other.roles for other in members if other != mine):
        return False
    mine.left_at = at
    mine.save(update_fields=["left_at"])
    audit.record(
        action="members.left",
        by=user,
        at=at,
        summary=f"{user} a supprimé son compte et ne fait plus partie du bureau.",
        object_type="member",
        object_id=mine.pk,
    )
    return True


def _forget(addresses: Collection[str]) -> None:
    accepted = Invitation.objects.filter(accepted_at__isnull=False).alias(address=Lower("email"))
    spent = list(accepted.filter(address__in=[one.lower() for one in addresses]).values_list("pk", flat=True))
    Invitation.objects.filter(pk__in=spent).update(email="")
    outbox.forget(outbox.of_topic("invitation", spent))
