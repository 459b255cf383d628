"""Queries on a collectivity's office, in the current schema."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Q, QuerySet

from accounts.models import ACCOUNT_EVENTS_KEPT, User
from collectivities.exceptions import InvitationGone
from collectivities.models import (
    ACCOUNT_ACTIONS,
    PORTFOLIO_ADDED_AT_ONCE,
    AuditEntry,
    Invitation,
    Member,
    OfficeSettings,
    PortfolioSchool,
    Role,
)
from core.links import hash_token


class AcceptedInvitation(NamedTuple):
    """An invitation and the account that accepted it; None where 1.0.0 did not note which."""

    invitation: Invitation
    account: User | None

    @property
    def other_address(self) -> str:
        """The account's address of today, where it is not the invited one; else an empty text."""
        if self.account is None or self.account.email.lower() == self.invitation.email.lower():
            return ""
        return self.account.email


def list_accepted_invitations() -> list[AcceptedInvitation]:
    """Return the accepted invitations, the latest first, but those whose account was deleted since."""
    invitations = list(Invitation.objects.accepted().exclude(email="").order_by("-accepted_at", "-pk"))
    accounts = User.objects.in_bulk([one.accepted_by_id for one in invitations if one.accepted_by_id is not None])
    return [AcceptedInvitation(one, accounts.get(one.accepted_by_id or 0)) for one in invitations]


def list_shown_entries(at: datetime.datetime) -> QuerySet[AuditEntry]:
    """Return the audit entries that members read, newest first: of accounts' events no older ones than a year's.

    What was bought and given stays readable as proof of public spending; who signed in when does not serve it.
    """
    ended = Q(action__startswith=ACCOUNT_ACTIONS, at__lt=at - ACCOUNT_EVENTS_KEPT)
    return AuditEntry.objects.exclude(ended).order_by("-at", "-pk")


def get_contact_emails(uais: Collection[str]) -> dict[str, str]:
    """Return by UAI the contact e-mail addresses in the portfolio, for those of the schools that have one."""
    return dict(
        PortfolioSchool.objects.filter(school_id__in=uais)
        .exclude(contact_email="")
        .values_list("school_id", "contact_email")
    )


def list_school_entries(uai: str, portfolio_school: PortfolioSchool | None) -> QuerySet[AuditEntry]:
    """Return the audit entries about a school, newest first, with that of the act that added it among many."""
    about = Q(school_id=uai)
    if portfolio_school is not None:
        about |= Q(action=PORTFOLIO_ADDED_AT_ONCE, at=portfolio_school.added_at)
    return AuditEntry.objects.filter(about).order_by("-at", "-pk")


def list_members(*roles: Role) -> list[Member]:
    """Return the members with one of the roles, all where none is given, the first to join first. Two queries."""
    members = Member.objects.active().prefetch_related("user").order_by("joined_at", "pk")
    if roles:
        members = members.filter(roles__overlap=[role.value for role in roles])
    return list(members)


def list_members_by_name() -> list[Member]:
    """Return the members by their names. Two queries."""
    members = {one.user_id: one for one in Member.objects.active()}
    users = list(User.objects.filter(pk__in=members).order_by("last_name", "first_name", "pk"))
    for user in users:
        members[user.pk].user = user
    return [members[user.pk] for user in users]


def list_reachable_members(*roles: Role) -> list[Member]:
    """Return those of `list_members` whom an e-mail reaches: whose account is active and has an address."""
    return [one for one in list_members(*roles) if one.user.is_active and one.user.email]


def get_office_settings() -> OfficeSettings:
    """Return the office's settings, or an unsaved instance with defaults."""
    return OfficeSettings.objects.first() or OfficeSettings()


def get_invitation_by_token(token: str, *, at: datetime.datetime) -> Invitation:
    """Return the valid invitation of a link's token. Raises `InvitationGone`."""
    invitation = Invitation.objects.filter(token_hash=hash_token(token)).first()
    if invitation is None or not invitation.is_valid(at):
        raise InvitationGone
    return invitation
