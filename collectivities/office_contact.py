"""Whom a school asks about its key: what the office's settings say, completed by who manages it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collectivities.models import Member, Role

if TYPE_CHECKING:
    from collectivities.models import OfficeSettings

#: The publisher's, as the contact page prints it, for an office that gave no number.
SUPPORT_PHONE = "08 25 82 01 11"


class OfficeContact(NamedTuple):
    """A person at the collectivity, their telephone and their e-mail address; each may be empty."""

    name: str
    phone: str
    email: str


def get_office_contact(settings: OfficeSettings) -> OfficeContact:
    """Return the contact of the office, from its settings and, for what they leave empty, from its first manager."""
    contact = OfficeContact(settings.contact_name, settings.contact_phone, settings.reply_to)
    if all(contact):
        return contact
    managers = Member.objects.active().filter(roles__contains=[Role.MANAGER]).select_related("user")
    manager = managers.order_by("joined_at", "pk").first()
    if manager is None:
        return contact
    user = manager.user
    # Not the telephone of one person beside the name of another.
    phone = contact.phone or ("" if contact.name else user.phone)
    return OfficeContact(contact.name or str(user), phone, contact.email or user.email)


def describe_contact(contact: OfficeContact, giver: str) -> str:
    """Return how to ask a question, as a French sentence: who answers, at which number and address."""
    who = f"{contact.name} ({giver})" if contact.name else giver
    ways = [f"au {contact.phone}" if contact.phone else "", _by_reply(contact.email)]
    answer = f"{who} vous répond {', ou '.join(filter(None, ways))}." if any(ways) else f"Adressez-vous à {who}."
    return answer if contact.phone else f"{answer} Le service Pep's répond au {SUPPORT_PHONE}."


def _by_reply(email: str) -> str:
    return f"en réponse à cet e-mail ({email})" if email else ""
