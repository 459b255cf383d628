"""The latest of the audit log in a few lines: what one person did in one day, counted by kind of event."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator
from typing import NamedTuple

from django.db.models import Case, Count, ExpressionWrapper, F, Max, Subquery, Value, When
from django.db.models.fields import DateTimeField
from django.db.models.functions import TruncDate

from collectivities.journal_wording import describe_action, find_choice, journal_actions, list_same_actions
from collectivities.models import ACCOUNT_ACTIONS, PORTFOLIO_LIST_ACTIONS, AuditEntry
from core import formatting
from core.calendar import PARIS
from schools.models import School
from schools.wording import format_school_name

#: How far back of the latest entry they are looked for: an old log is not read as a whole.
_PERIOD = datetime.timedelta(days=31)


def _list_merged() -> Iterator[When]:
    """Yield the actions that are counted as one because a line says the same of them: those of a name in the filter."""
    for first in journal_actions:
        same = list_same_actions(first)
        if first == same[0] and len(same) > 1 and not any(journal_actions[name].counted for name in same):
            yield When(action__in=same[1:], then=Value(first))


def _has_address(action: str) -> bool:
    return action in journal_actions and journal_actions[action].has_address


class JournalGroup(NamedTuple):
    """Entries of one action, or of several of one name, by one actor on one day in Paris."""

    action: str
    actor: str
    day: datetime.date
    last_at: datetime.datetime
    entries: int
    #: The summary of the entry, where it is one.
    summary: str
    #: Name of the school it is about; empty where it is about none.
    school_name: str

    @property
    def words(self) -> str:
        """Return what happened: the entry's own words but for addresses, or « 138 écoles ajoutées »."""
        action = journal_actions.get(self.action)
        counted = action.counted if action else None
        if self.entries == 1 and action and action.has_address and counted:
            single = counted[0]
            about = f" : {format_school_name(self.school_name)}" if self.school_name else ""
            return f"{formatting.start_sentence(single)}{about}."
        if self.entries == 1:
            return self.summary
        if counted:
            return f"{formatting.pluralize(self.entries, *counted)}."
        return f"{describe_action(self.action)} : {formatting.number(self.entries)} fois."

    @property
    def query(self) -> dict[str, str]:
        """Return the fields of the journal's filter that find these entries."""
        return {"subject": find_choice(self.action), "since": self.day.isoformat(), "until": self.day.isoformat()}


def list_journal_groups(limit: int, *, without: Collection[str] = ()) -> list[JournalGroup]:
    """Return the latest groups, without sign-ins. One query, two where one is told by its school.

    Of a list of schools only the list's own entry counts: `without` names the actions of single schools in lists of
    higher layers.
    """
    entries = AuditEntry.objects.exclude(action__in=[*without, *PORTFOLIO_LIST_ACTIONS])
    entries = entries.exclude(action__startswith=ACCOUNT_ACTIONS).order_by()
    latest = entries.order_by("-at").values("at")[:1]
    since = ExpressionWrapper(Subquery(latest) - _PERIOD, output_field=DateTimeField())
    found = (
        entries.filter(at__gte=since)
        .annotate(day=TruncDate("at", tzinfo=PARIS), kind=Case(*_list_merged(), default=F("action")))
        .values("kind", "actor_name", "actor_username", "day")
        .annotate(last_at=Max("at"), last_id=Max("pk"), entries=Count("pk"), summary=Max("summary"))
        .annotate(uai=Max("school_id"))
        .order_by("-last_at", "-last_id")[:limit]
    )
    groups = list(found)
    about = [group["uai"] for group in groups if group["entries"] == 1 and _has_address(group["kind"])]
    names = dict(School.objects.filter(pk__in=about).values_list("pk", "name")) if any(about) else {}
    return [
        JournalGroup(
            group["kind"],
            AuditEntry(actor_name=group["actor_name"], actor_username=group["actor_username"]).actor,
            group["day"],
            group["last_at"],
            group["entries"],
            group["summary"],
            names.get(group["uai"], ""),
        )
        for group in groups
    ]
