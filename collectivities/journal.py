"""French names of the actions of the audit log, for the filter of the Journal page and for its export.

Actions with the same name are one choice of the filter: a revocation alone, and the revocations of a list.
"""

import datetime
import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import django_filters
from django import forms
from django.db.models import Case, Count, ExpressionWrapper, F, Max, Q, QuerySet, Subquery, Value, When
from django.db.models.fields import DateTimeField
from django.db.models.functions import TruncDate

from collectivities.models import ACCOUNT_ACTIONS, PORTFOLIO_LIST_ACTIONS, AuditEntry
from core import formatting
from core.calendar import PARIS
from core.foreign_values import MAX_SEARCH_LENGTH
from core.registry import Registry
from core.spreadsheets import WorksheetContent
from core.spreadsheets import build_workbook as write_workbook
from schools import uai
from schools.models import School
from schools.wording import format_school_name


@dataclass(frozen=True, slots=True)
class JournalAction:
    """How an action is named. `counted`: what comes by the dozen, singular and plural.

    `has_address`: its summary has somebody's address or telephone, and is said without it where others read it.
    """

    label: str
    counted: tuple[str, str] | None = None
    has_address: bool = False


#: Names of subjects, the part of an action before its dot, in the order of the filter.
subject_labels: Registry[str] = Registry("subject of the journal")
journal_actions: Registry[JournalAction] = Registry("action of the journal")
_OTHER = "Autre"


def declare_subject(subject: str, label: str, *, rank: int) -> None:
    """Declare a subject; `rank`: its place in the filter. Raises `ImproperlyConfigured` where it is taken."""
    subject_labels.declare(subject, label, rank=rank)


def declare_actions(actions: Mapping[str, JournalAction]) -> None:
    """Declare the actions that an app writes. Raises `ImproperlyConfigured` where one is taken."""
    for name, action in actions.items():
        journal_actions.declare(name, action)


def describe_action(action: str) -> str:
    """Return the French name of an action, or that of its subject where the action has none."""
    return _get_label(action) or subject_labels.get(_get_subject(action), _OTHER)


def list_same_actions(action: str) -> list[str]:
    """Return the actions of the same subject with the same name as this one; empty where it has none."""
    label, subject = _get_label(action), _get_subject(action)
    return [other for other, its in journal_actions.items() if its.label == label and _get_subject(other) == subject]


def find_choice(action: str) -> str:
    """Return the value of the journal's filter that finds an action: the first of its name, else its subject."""
    return next(iter(list_same_actions(action)), _get_subject(action))


def group_choices(actions: Collection[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return, by subject, the choices of a filter that finds these actions: the whole subject, then each name."""
    names = {(_get_subject(action), _get_label(action)) for action in actions}
    groups = []
    for subject, subject_label in subject_labels.items():
        if subject not in {found for found, _ in names}:
            continue
        # Of each name the first action of the list, so that a link stays the same whatever has happened since.
        first: dict[str, str] = {}
        for name, action in journal_actions.items():
            if _get_subject(name) == subject:
                first.setdefault(action.label, name)
        choices = sorted((label, action) for label, action in first.items() if (subject, label) in names)
        everything = (subject, f"{subject_label} : tout")
        groups.append((subject_label, [everything, *((action, label) for label, action in choices)]))
    return groups


def _get_subject(action: str) -> str:
    return action.partition(".")[0]


def _get_label(action: str) -> str | None:
    return journal_actions[action].label if action in journal_actions else None


#: By app above this one, the condition for entries about a school without its UAI: one entry for a list of schools.
school_conditions: Registry[Callable[[str], Q]] = Registry("condition of entries by school")


def list_subject_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the choices for the actions that occur in this collectivity's audit log."""
    return group_choices(set(AuditEntry.objects.order_by().values_list("action", flat=True).distinct()))


class JournalFilter(django_filters.FilterSet):
    """Filter audit entries by person, subject, dates, school or words."""

    text = django_filters.CharFilter(label="Texte, personne ou UAI", method="by_text")
    subject = django_filters.ChoiceFilter(
        label="Sujet", empty_label="Tous", choices=list_subject_choices, method="by_subject"
    )
    since = django_filters.DateFilter(
        label="Depuis le", field_name="at", lookup_expr="date__gte", widget=forms.DateInput(attrs={"type": "date"})
    )
    until = django_filters.DateFilter(
        label="Jusqu'au", field_name="at", lookup_expr="date__lte", widget=forms.DateInput(attrs={"type": "date"})
    )

    class Meta:
        model = AuditEntry
        fields: ClassVar = ["text", "subject", "since", "until"]

    def by_text(self, entries: QuerySet[AuditEntry], name: str, text: str) -> QuerySet[AuditEntry]:
        """Keep the entries that contain the text, by that actor, or about that school."""
        # A part of a sentence, with the non-breaking spaces that were copied with it.
        text = text[:MAX_SEARCH_LENGTH].strip()
        code = uai.normalise(text)
        matches = Q(summary__icontains=text) | Q(actor_name__icontains=text) | Q(school_id=code)
        matches |= Q(actor_username__iexact=text)
        if uai.is_valid(code):
            for condition in school_conditions.values():
                matches |= condition(code)
        return entries.filter(matches)

    def by_subject(self, entries: QuerySet[AuditEntry], name: str, subject: str) -> QuerySet[AuditEntry]:
        """Keep the actions of one subject, or those with the same name as one action."""
        if subject in subject_labels:
            return entries.filter(action__startswith=f"{subject}.")
        return entries.filter(action__in=list_same_actions(subject))


#: How far back of the latest entry they are looked for: an old log is not read as a whole.
_PERIOD = datetime.timedelta(days=31)


@functools.cache
def _list_merged() -> list[When]:
    """Return the cases that count actions of one name as the first of them, where none has a count of its own."""
    groups = {tuple(list_same_actions(action)) for action in journal_actions}
    return [
        When(action__in=others, then=Value(first))
        for first, *others in sorted(groups)
        if others and not any(journal_actions[name].counted for name in (first, *others))
    ]


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
    about = [
        group["uai"]
        for group in groups
        if group["entries"] == 1 and (action := journal_actions.get(group["kind"])) and action.has_address
    ]
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


HEADERS = ("Date", "Auteur", "Identifiant", "Action", "UAI", "Ce qui s'est passé")
WIDTHS = (18, 28, 20, 26, 12, 100)
#: Limits memory; larger exports are split by the filter's dates.
MAX_ROWS = 100_000


def build_workbook(entries: QuerySet[AuditEntry]) -> bytes:
    """Return the first `MAX_ROWS` entries as an xlsx file."""
    rows = (
        (
            entry.at.astimezone(PARIS).replace(tzinfo=None, microsecond=0),
            entry.actor_name,
            entry.actor_username,
            describe_action(entry.action),
            entry.school_id,
            entry.summary,
        )
        for entry in entries[:MAX_ROWS].iterator(chunk_size=2000)
    )
    return write_workbook(WorksheetContent("Journal", HEADERS, WIDTHS, rows, moment_format="dd/mm/yyyy hh:mm"))
