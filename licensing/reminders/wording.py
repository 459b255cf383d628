"""French texts about reminders. Pure."""

from __future__ import annotations

import datetime

from django.utils import timezone

from core import formatting
from core.calendar import PARIS, date_in_paris
from core.formatting import school_forms
from licensing.reminders.models import Reminder, ReminderPolicy
from schools.wording import format_school_name

_WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


def describe_policy(policy: ReminderPolicy) -> str:
    """Return when schools are reminded, as a sentence."""
    if not policy.is_enabled:
        return "arrêtées, aucune ne part d'elle-même."
    parts = []
    if policy.unredeemed_days:
        days = formatting.join_words([formatting.number(day) for day in policy.unredeemed_days])
        parts.append(f"clé non activée après {days} jours")
    if policy.unused_days:
        parts.append(f"clé activée sans licence donnée après {formatting.pluralize(policy.unused_days, 'jour')}")
    if policy.writes_in_october:
        parts.append("licences qui dorment en octobre")
    return f"{' ; '.join(parts)}." if parts else "aucune."


def describe_next(day: datetime.date | None, count: int) -> str:
    """Return « Prochaine relance : le 3 mars 2027, à 12 écoles. »; `count`: those of that day."""
    if day is None:
        return "Aucune relance n'est prévue."
    schools = formatting.pluralize(count, "école")
    return f"Prochaine relance : le {formatting.long_date(day)}, à {schools}."


def describe_planning(moment: datetime.datetime) -> str:
    """Return from when the reminders of what was just given are known, as a sentence."""
    when = formatting.long_moment(timezone.localtime(moment, PARIS))
    return f"Les relances de ce qui vient d'être donné seront prévues le {when}, une heure après l'envoi des clés."


def describe_day(day: datetime.date, count: int) -> str:
    """Return « vendredi 4 décembre 2026 : 12 écoles »."""
    schools = formatting.pluralize(count, "école")
    return f"{_WEEKDAYS[day.weekday()]} {formatting.long_date(day)} : {schools}"


def describe_stop(name: str, at: datetime.datetime, *, is_whole: bool) -> str:
    """Return what a school stopped, as a sentence."""
    what = "toutes les relances de votre collectivité" if is_whole else "les relances d'une clé"
    return f"{format_school_name(name)} a arrêté {what} le {formatting.long_date(date_in_paris(at))}."


def describe_school(name: str) -> str:
    """Return « l'école Jean Jaurès », as a letter names it."""
    return school_forms(name).the


def describe_next_of_school(reminder: Reminder) -> str:
    """Return what the page of a school says of its next reminder, as a sentence."""
    day = formatting.long_date(reminder.planned_for)
    return (
        f"Une relance automatique partira le {day} pour {reminder.allocation.recipient} : "
        f"{reminder.explanation[:1].lower()}{reminder.explanation[1:]}."
    )
