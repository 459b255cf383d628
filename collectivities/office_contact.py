"""Whom a school asks about its key: what the office's settings say, completed by who manages it."""

from __future__ import annotations

from typing import NamedTuple

from accounts.models import User
from collectivities.models import Member, OfficeSettings, Role
from collectivities.queries import get_office_settings
from tenants.models import Collectivity

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
    managers = Member.objects.active().filter(roles__contains=[Role.MANAGER])
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
    ways = [f"au {contact.phone}" if contact.phone else "", _by_reply(contact.email)]
    answer = f"{who} vous répond {', ou '.join(filter(None, ways))}." if any(ways) else f"Adressez-vous à {who}."
    return answer if contact.phone else f"{answer} Le service Pep's répond au {SUPPORT_PHONE}."


def _by_reply(email: str) -> str:
    return f"en réponse à cet e-mail ({email})" if email else ""
