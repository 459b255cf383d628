"""What others ask about a collectivity's office. Each answers from the schema that is entered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collectivities import invitation_tokens
from collectivities.exceptions import InvitationGone
from collectivities.models import Invitation, OfficeSettings, SchoolInRemit

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection


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
