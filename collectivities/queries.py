"""Queries on a collectivity's office, in the current schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q

from accounts import second_factor
from accounts.models import ACCOUNT_EVENTS_KEPT
from collectivities.exceptions import InvitationGone
from collectivities.models import ACCOUNT_ACTIONS, AuditEntry, Invitation, Member, OfficeSettings, PortfolioSchool, Role
from core.link_tokens import hash_token

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from django.db.models import QuerySet


def list_shown_entries(at: datetime.datetime) -> QuerySet[AuditEntry]:
    """Return the audit entries that members read, newest first: of accounts' events no older ones than a year's.

    What was bought and given stays readable as proof of public spending; who signed in when does not serve it.
    """
    ended = Q(action__startswith=ACCOUNT_ACTIONS, at__lt=at - ACCOUNT_EVENTS_KEPT)
    return AuditEntry.objects.exclude(ended).order_by("-at", "-pk")


def lacks_required_second_factor() -> ExpressionWrapper[Q]:
    """Return an expression on members: whether they lack the second factor that the office requires of them."""
    required = Q(Exists(OfficeSettings.objects.filter(managers_need_second_factor=True)))
    without = ~Q(second_factor.has_second_factor(OuterRef("user_id")))
    manager = Q(roles__contains=[Role.MANAGER.value])
    return ExpressionWrapper(manager & required & without, output_field=BooleanField())


def list_managers_without_second_factor() -> list[Member]:
    """Return the managers without a second factor, by name, whether or not the office requires one."""
    managers = Member.objects.active().filter(roles__contains=[Role.MANAGER.value]).select_related("user")
    without = managers.exclude(second_factor.has_second_factor(OuterRef("user_id")))
    return list(without.order_by("user__last_name", "user__first_name", "pk"))


def get_contact_emails(uais: Collection[str]) -> dict[str, str]:
    """Return by UAI the contact e-mail addresses in the portfolio, for those of the schools that have one."""
    return dict(
        PortfolioSchool.objects.filter(school_id__in=uais)
        .exclude(contact_email="")
        .values_list("school_id", "contact_email")
    )


def get_office_settings() -> OfficeSettings:
    """Return the office's settings, or an unsaved instance with defaults."""
    return OfficeSettings.objects.first() or OfficeSettings()


def get_invitation_by_token(token: str, *, at: datetime.datetime) -> Invitation:
    """Return the valid invitation of a link's token. Raises `InvitationGone`."""
    invitation = Invitation.objects.filter(token_hash=hash_token(token)).first()
    if invitation is None or not invitation.is_valid(at):
        raise InvitationGone
    return invitation
