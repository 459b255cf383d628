"""Queries on a collectivity's office, in the current schema."""

import datetime
from collections.abc import Collection, Iterable
from typing import NamedTuple, cast

from django.db.models import Q, QuerySet

from accounts.models import ACCOUNT_EVENTS_KEPT, User
from collectivities.capabilities import Capability
from collectivities.exceptions import InvitationGone
from collectivities.models import (
    ACCOUNT_ACTIONS,
    PORTFOLIO_ADDED_AT_ONCE,
    AuditEntry,
    Invitation,
    Member,
    OfficeSettings,
    PortfolioSchool,
)
from core.connections import connection
from core.links import hash_token
from tenants.models import Collectivity


def get_current_collectivity() -> Collectivity:
    """Return the current tenant."""
    return cast("Collectivity", connection.tenant)


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
        PortfolioSchool.objects.filter(school_id__in_array=uais)
        .exclude(contact_email="")
        .values_list("school_id", "contact_email")
    )


def list_school_entries(uai: str, portfolio_school: PortfolioSchool | None) -> QuerySet[AuditEntry]:
    """Return the audit entries about a school, newest first, with that of the act that added it among many."""
    about = Q(school_id=uai)
    if portfolio_school is not None:
        about |= Q(action=PORTFOLIO_ADDED_AT_ONCE, at=portfolio_school.added_at)
    return AuditEntry.objects.filter(about).order_by("-at", "-pk")


def list_members(*capabilities: Capability) -> list[Member]:
    """Return the members who may do one of these, all where none is given, the first to join first. Two queries."""
    members = Member.objects.who_may(*capabilities) if capabilities else Member.objects.active()
    return list(members.prefetch_related("user").order_by("joined_at", "pk"))


def list_members_by_name() -> list[Member]:
    """Return the members by their names. Two queries."""
    return sort_by_name(Member.objects.active(), User.objects.all())


def sort_by_name(members: Iterable[Member], users: QuerySet[User]) -> list[Member]:
    """Return those of the members whose accounts are among the users, with their account, by name. Two queries."""
    by_account = {member.user_id: member for member in members}
    accounts = list(users.filter(pk__in=by_account).order_by("last_name", "first_name", "pk"))
    for account in accounts:
        by_account[account.pk].user = account
    return [by_account[account.pk] for account in accounts]


def list_reachable_members(*capabilities: Capability) -> list[Member]:
    """Return those of `list_members` whom an e-mail reaches: whose account is active and has an address."""
    return [one for one in list_members(*capabilities) if one.user.is_active and one.user.email]


def get_office_settings() -> OfficeSettings:
    """Return the office's settings, or an unsaved instance with defaults."""
    return OfficeSettings.objects.first() or OfficeSettings()


def get_invitation_by_token(token: str, *, at: datetime.datetime) -> Invitation:
    """Return the valid invitation of a link's token. Raises `InvitationGone`."""
    invitation = Invitation.objects.filter(token_hash=hash_token(token)).first()
    if invitation is None or not invitation.is_valid(at):
        raise InvitationGone
    return invitation


#: The publisher's, as the contact page prints it, for an office that gave no number.
SUPPORT_PHONE = "08 25 82 01 11"


class OfficeContact(NamedTuple):
    """A person at the collectivity, their telephone and their e-mail address; each may be empty."""

    name: str
    phone: str
    email: str

    def __str__(self) -> str:
        return ", ".join(filter(None, self))


def get_office_contact(settings: OfficeSettings) -> OfficeContact:
    """Return the contact of the office, from its settings and, for what they leave empty, from its first manager."""
    if settings.contact_name and settings.contact_phone and settings.reply_to:
        return complete_contact(settings, None)
    managers = Member.objects.who_may(Capability.MANAGE_OFFICE)
    manager = managers.order_by("joined_at", "pk").first()
    return complete_contact(settings, manager.user if manager else None)


def complete_contact(settings: OfficeSettings, manager: User | None) -> OfficeContact:
    """Return the contact that the settings name, completed by the office's first manager, if there is one."""
    contact = OfficeContact(settings.contact_name, settings.contact_phone, settings.reply_to)
    if manager is None:
        return contact
    # Not the telephone of one person beside the name of another.
    phone = contact.phone or ("" if contact.name else manager.phone)
    return OfficeContact(contact.name or str(manager), phone, contact.email or manager.email)


class LetterParties(NamedTuple):
    """Who writes to schools, and where their replies arrive (may be empty)."""

    sender: str
    replies: str
    lacks_reply_to: bool


def describe_letters(collectivity: Collectivity) -> LetterParties:
    """Return who writes the letters of the current office and where replies arrive. Two queries at most."""
    settings = get_office_settings()
    return LetterParties(
        settings.sender_name or collectivity.name, get_office_contact(settings).email, not settings.reply_to
    )


def list_settings_to_do(settings: OfficeSettings) -> list[str]:
    """Return what the settings lack before schools are written to, as French sentences."""
    return [] if settings.reply_to else [describe_missing_reply_to(get_office_contact(settings).email)]


def describe_missing_reply_to(manager_email: str) -> str:
    """Return what becomes of replies without an address for them: they reach the first manager, if there is one."""
    where = f"arrivent à {manager_email}, chez le premier gestionnaire" if manager_email else "n'arrivent nulle part"
    return f"Faute d'adresse de réponse, les réponses des écoles {where}."


def describe_contact(contact: OfficeContact, giver: str) -> str:
    """Return how to ask a question, as a French sentence: who answers, at which number and address."""
    who = f"{contact.name} ({giver})" if contact.name else giver
    by_reply = f"en réponse à cet e-mail ({contact.email})" if contact.email else ""
    ways = [f"au {contact.phone}" if contact.phone else "", by_reply]
    answer = f"{who} vous répond {', ou '.join(filter(None, ways))}." if any(ways) else f"Adressez-vous à {who}."
    return answer if contact.phone else f"{answer} Le service Pep's répond au {SUPPORT_PHONE}."
