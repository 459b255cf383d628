"""What tells the e-mails that leave by themselves from those that somebody asked for, and when they are not sent."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from core.calendar import date_in_paris
from core.formatting import collectivity_forms, is_elided
from licensing.pools.models import Allocation
from mailing.kinds import NoLongerDue
from mailing.models import Message
from schools.calendar import WritingCalendar, find_place


def is_automatic(message: Message) -> bool:
    """Whether nobody asked for this message: it says why it came, and has an off switch."""
    return bool(message.context.get("automatic"))


def describe_reason(giver: str, cause: str) -> str:
    """Return the sentence that says why the message came; `cause`: a clause."""
    whose, that = collectivity_forms(giver).of_the, "qu'" if is_elided(cause) else "que "
    return f"Vous recevez cette relance automatique {whose} parce {that}{cause}. Elle est la seule de la semaine."


def load_calendar(messages: Sequence[Message]) -> WritingCalendar | None:
    """Return today's calendar, None where no message is automatic. Two queries at most."""
    today = date_in_paris(timezone.now())
    return WritingCalendar(today, today) if any(is_automatic(message) for message in messages) else None


def check_automatic_due(message: Message, allocation: Allocation, calendar: WritingCalendar | None) -> None:
    """Raise `NoLongerDue` for an automatic message that was kept waiting too long, or whose pool is suspended.

    It is not held, as a key's e-mail is: what it says would be late.
    """
    if calendar is None or not is_automatic(message):
        return
    today = calendar.first_day
    if not calendar.is_writing_day(find_place(allocation.school), today):
        raise NoLongerDue("La relance n'a pas pu partir le jour prévu, et l'on n'écrit pas à l'école aujourd'hui.")
    if allocation.pool.entitlement.suspended_on(today):
        raise NoLongerDue("Le lot a été suspendu avant l'envoi : la relance n'aurait pas d'objet.")
