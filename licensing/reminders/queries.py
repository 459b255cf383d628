"""Read-only queries on policies and planned reminders."""

import datetime
from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from core import formatting
from core.calendar import PARIS, date_in_paris
from core.connections import connection
from jobs import due
from licensing.entitlements.models import Seat
from licensing.pools.models import ALLOCATION_TOPIC, Allocation, MessageKind, Pool
from licensing.pools.operations import PLAN_REMINDERS, PLANNING_DELAY
from licensing.pools.positions import PoolNote
from licensing.reminders.models import Reminder, ReminderPolicy, ReminderStop
from mailing.models import Message
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


def describe_next_of_school(reminder: Reminder) -> str:
    """Return what the page of a school says of its next reminder, as a sentence."""
    day = formatting.long_date(reminder.planned_for)
    return (
        f"Une relance automatique partira le {day} pour {reminder.allocation.recipient} : "
        f"{reminder.explanation[:1].lower()}{reminder.explanation[1:]}."
    )


class SeatCounts(NamedTuple):
    """The seats of a redeemed key: those that may be given, and all."""

    free: int
    size: int


def count_seats(key_ids: Collection[int]) -> dict[int, SeatCounts]:
    """Return the seats of these keys, for those that are redeemed. One query."""
    free = Count("pk", filter=Q(holder__isnull=True, reserved_at__isnull=True))
    seats = Seat.objects.filter(subscription__key_id__in=list(key_ids)).order_by()
    counted = seats.values_list("subscription__key_id").annotate(available=free, size=Count("pk"))
    return {key: SeatCounts(available, size) for key, available, size in counted}


def get_policy(pool_id: int) -> ReminderPolicy:
    """Return the policy of a pool: its row, or an unsaved one with the defaults."""
    return ReminderPolicy.objects.filter(pool=pool_id).first() or ReminderPolicy(pool_id=pool_id)


def list_planned(pool_id: int | None = None) -> QuerySet[Reminder]:
    """Return the planned reminders of a pool, or of all, the next first, with their schools and allocations."""
    planned = Reminder.objects.planned().select_related("school", "allocation__pool")
    if pool_id is not None:
        planned = planned.filter(allocation__pool=pool_id)
    return planned.order_by("planned_for", "school__name_folded", "pk")


def count_by_day(pool_id: int) -> list[tuple[datetime.date, int]]:
    """Return the days on which reminders of a pool leave, the next first, and how many."""
    planned = Reminder.objects.planned().filter(allocation__pool=pool_id)
    return list(planned.order_by("planned_for").values_list("planned_for").annotate(Count("pk")))


def find_planning() -> dict[int, datetime.datetime]:
    """Return by pool from when its reminders are planned, for those of which licences were given since the last plan.

    Two queries. Those whose keys are still to be e-mailed count too: what follows them is not planned yet.
    """
    moment = due.get_moment(PLAN_REMINDERS, connection.schema_name)
    if moment is None:
        return {}
    on_their_way = Message.objects.pending().filter(topic=ALLOCATION_TOPIC, kind=MessageKind.KEY).values("topic_id")
    given = Allocation.objects.served().filter(Q(created_at__gte=moment - PLANNING_DELAY) | Q(pk__in=on_their_way))
    return dict.fromkeys(given.order_by().values_list("pool_id", flat=True).distinct(), moment)


def find_next(uai: str) -> Reminder | None:
    """Return the next reminder of a school."""
    return list_planned().filter(school=uai).first()


def list_stops(pool_id: int) -> QuerySet[ReminderStop]:
    """Return the stops of the schools that have an allocation of a pool, the latest first."""
    of_pool = Pool.objects.filter(pk=pool_id).values("allocations__school")
    return ReminderStop.objects.filter(school__in=of_pool).select_related("school").order_by("-at", "-pk")


def find_stopped(allocation_ids: Collection[int]) -> set[int]:
    """Return those of the allocations about which their school wants no automatic reminder. One query."""
    stops = ReminderStop.objects.filter(Q(allocation=None) | Q(allocation=OuterRef("pk")), school=OuterRef("school_id"))
    found = Allocation.objects.filter(Exists(stops), pk__in_array=list(allocation_ids))
    return set(found.values_list("pk", flat=True))


def describe_pools() -> dict[int, PoolNote]:
    """Return what the page of pools says of reminders: the next day, or that they are off. Five queries at most."""
    planning = find_planning()
    policies = {policy.pool_id: policy for policy in ReminderPolicy.objects.all()}
    days: dict[int, tuple[datetime.date, int]] = {}
    counted = Reminder.objects.planned().order_by("planned_for").values_list("allocation__pool", "planned_for")
    for pool_id, day, count in counted.annotate(Count("pk")):
        days.setdefault(pool_id, (day, count))
    notes = {}
    for pool_id in Pool.objects.values_list("pk", flat=True):
        policy = policies.get(pool_id)
        if policy is not None and not policy.is_enabled:
            sentence = "Les relances automatiques de ce lot sont arrêtées."
        elif pool_id in planning and pool_id not in days and (policy is None or policy.sends_any):
            sentence = describe_planning(planning[pool_id])
        else:
            sentence = describe_next(*days.get(pool_id, (None, 0)))
        notes[pool_id] = PoolNote(sentence, "Relances de ce lot", reverse("reminders:policy", args=[pool_id]))
    return notes
