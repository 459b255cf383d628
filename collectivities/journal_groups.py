"""The latest of the audit log in a few lines: what one person did in one day, counted by kind of event."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator
from typing import NamedTuple

from django.db.models import Case, Count, ExpressionWrapper, F, Max, Subquery, Value, When
from django.db.models.fields import DateTimeField
from django.db.models.functions import TruncDate

from collectivities.journal_wording import ACTION_LABELS, describe_action, find_choice, list_same_actions
from collectivities.models import ACCOUNT_ACTIONS, PORTFOLIO_LIST_ACTIONS, AuditEntry
from core import formatting
from core.calendar import PARIS
from schools.models import School
from schools.wording import format_school_name

#: How far back of the latest entry they are looked for: an old log is not read as a whole.
_PERIOD = datetime.timedelta(days=31)
#: Actions that come by the dozen, singular and plural.
_COUNTED = {
    "pools.allocated": ("attribution à une école", "attributions à des écoles"),
    "pools.grown": ("attribution augmentée", "attributions augmentées"),
    "pools.reduced": ("attribution réduite", "attributions réduites"),
    "pools.revoked": ("attribution reprise", "attributions reprises"),
    "pools.revocation_undone": ("reprise annulée", "reprises annulées"),
    "keys.redeemed": ("clé activée", "clés activées"),
    "keys.held": ("licence prise en usage", "licences prises en usage"),
    "keys.released": ("licence libérée", "licences libérées"),
    "keys.reminded": ("école relancée", "écoles relancées"),
    "keys.resent": ("clé renvoyée", "clés renvoyées"),
    "keys.revealed": ("clé affichée", "clés affichées"),
    "reminders.sent": ("école relancée automatiquement", "écoles relancées automatiquement"),
    "reminders.cancelled": ("relance annulée", "relances annulées"),
    "import.uploaded": ("tableau déposé", "tableaux déposés"),
    "import.applied": ("tableau appliqué", "tableaux appliqués"),
    "portfolio.added": ("école ajoutée", "écoles ajoutées"),
    "portfolio.contact_updated": ("contact d'école modifié", "contacts d'écoles modifiés"),
    "portfolio.removed": ("école retirée", "écoles retirées"),
    "members.invited": ("invitation envoyée", "invitations envoyées"),
    "members.invitation_withdrawn": ("invitation retirée", "invitations retirées"),
    "members.joined": ("arrivée dans le bureau", "arrivées dans le bureau"),
    # Each payment that settles an order writes both.
    "orders.payment_recorded": ("règlement reçu", "règlements reçus"),
    "orders.paid": ("commande réglée", "commandes réglées"),
}


#: Actions whose summary has somebody's address or telephone: said without it, with the name of the school.
WITH_ADDRESS = frozenset(
    {
        "pools.allocated",
        "pools.grown",
        "keys.reminded",
        "keys.resent",
        "reminders.sent",
        "portfolio.contact_updated",
        "members.invited",
        "members.invitation_withdrawn",
    }
)


def _list_merged() -> Iterator[When]:
    """Yield the actions that are counted as one because a line says the same of them: those of a name in the filter."""
    for first in ACTION_LABELS:
        same = list_same_actions(first)
        if first == same[0] and len(same) > 1 and not _COUNTED.keys() & set(same):
            yield When(action__in=same[1:], then=Value(first))


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
        if self.entries == 1 and self.action in WITH_ADDRESS:
            single = _COUNTED[self.action][0]
            about = f" : {format_school_name(self.school_name)}" if self.school_name else ""
            return f"{formatting.start_sentence(single)}{about}."
        if self.entries == 1:
            return self.summary
        if self.action in _COUNTED:
            return f"{formatting.pluralize(self.entries, *_COUNTED[self.action])}."
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
    about = [group["uai"] for group in groups if group["entries"] == 1 and group["kind"] in WITH_ADDRESS]
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
