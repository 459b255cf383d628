"""What others ask about a collectivity's office. Each answers from the schema that is entered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q

from accounts import second_factor
from collectivities import invitation_tokens
from collectivities.exceptions import InvitationGone
from collectivities.models import Invitation, Member, OfficeSettings, Role, SchoolInRemit

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection


def owes_second_factor() -> ExpressionWrapper[Q]:
    """Return, for a query of members, whether one must have a second factor before he may work here and has none."""
    asked = Q(Exists(OfficeSettings.objects.filter(managers_need_second_factor=True)))
    without = ~Q(second_factor.exists_for(OuterRef("user_id")))
    manager = Q(roles__contains=[Role.MANAGER.value])
    return ExpressionWrapper(manager & asked & without, output_field=BooleanField())


def managers_without_second_factor() -> list[Member]:
    """Return the managers who have no second factor, whether or not the office asks for one, by name."""
    managers = Member.objects.active().filter(roles__contains=[Role.MANAGER.value]).select_related("user")
    without = managers.exclude(second_factor.exists_for(OuterRef("user_id")))
    return list(without.order_by("user__last_name", "user__first_name", "pk"))


def contacts_for(uais: Collection[str]) -> dict[str, str]:
    """Return the contact's address of each of these schools that has one in the remit, by UAI."""
    return dict(
        SchoolInRemit.objects.filter(school_id__in=uais)
        .exclude(contact_email="")
        .values_list("school_id", "contact_email")
    )


def office_settings() -> OfficeSettings:
    """Return how the collectivity presents itself; where nothing was set, a row of blanks that is not stored."""
    return OfficeSettings.objects.first() or OfficeSettings()


def invitation_by_token(token: str, *, at: datetime.datetime) -> Invitation:
    """Return the invitation that a link belongs to. Raises `InvitationGone`."""
    invitation = Invitation.objects.filter(token_hash=invitation_tokens.token_hash(token)).first()
    if invitation is None or not invitation.is_valid(at):
        raise InvitationGone
    return invitation
