"""The letter of 1 September, one a person: when it is written, and what of Pep's ended or continues.

Whoever held a licence of the year that ended, or leads a school that had one. Chosen by one statement for 500 people,
whatever the collectivities; a row a person and year makes it once, however many workers run this.
"""

import datetime
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, cast

from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import Profile, User
from core.calendar import PARIS, date_in_paris, extend_to_working_day
from core.formatting import collectivity_forms, format_school_year, join_words, pluralize, start_sentence
from licensing.classes import operations
from licensing.classes.emails import render_class_email
from licensing.classes.models import Classroom
from licensing.classes.pupil_erasure import get_erasure_date
from licensing.entitlements.models import ActivationKey, Seat, Subscription
from licensing.entitlements.queries import administered_by, ends_in_school_year, get_school_year
from licensing.entitlements.wording import describe_account
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail
from mailing.models import Message
from mailing.operations import NewMessage, enqueue_in_portal

YEAR_ENDED = "class.year_ended"

_SEPTEMBER = 9
_HOUR = 8
#: People per transaction.
BATCH_SIZE = 500

# Those who are written to already are left out first, so that each batch finds others.
_CHOOSE_SQL = """
WITH ended AS (
    SELECT subscription.id, subscription.principal_id, subscription.school_id
    FROM entitlements_entitlement AS entitlement
    JOIN entitlements_activationkey AS key ON key.entitlement_id = entitlement.id
    JOIN entitlements_subscription AS subscription ON subscription.key_id = key.id
    WHERE entitlement.last_day > %(before)s AND entitlement.last_day <= %(last)s AND entitlement.cancelled_at IS NULL
), concerned AS (
    SELECT seat.holder_id AS id FROM ended
    JOIN entitlements_seat AS seat ON seat.subscription_id = ended.id AND seat.holder_id IS NOT NULL
    UNION
    SELECT ended.principal_id FROM ended
    WHERE ended.school_id IS NULL OR EXISTS (
        SELECT FROM schools_affiliation AS own
        WHERE own.user_id = ended.principal_id AND own.school_id = ended.school_id
    )
    UNION
    SELECT leads.user_id FROM ended
    JOIN schools_affiliation AS leads ON leads.school_id = ended.school_id AND leads.verified_at IS NOT NULL
)
INSERT INTO classes_yearletter (user_id, school_year, created_at)
SELECT person.id, %(year)s, %(at)s
FROM concerned
JOIN accounts_user AS person ON person.id = concerned.id AND person.is_active AND person.email <> ''
WHERE NOT EXISTS (
    SELECT FROM classes_yearletter AS written WHERE written.user_id = person.id AND written.school_year = %(year)s
)
ORDER BY person.id
LIMIT %(limit)s
ON CONFLICT (user_id, school_year) DO NOTHING
RETURNING user_id
"""


def find_writing_time(at: datetime.datetime) -> datetime.datetime | None:
    """Return when letters that are queued now leave: in September, on a working day, from eight o'clock; else None."""
    day = date_in_paris(at)
    if day.month != _SEPTEMBER or extend_to_working_day(day) != day:
        return None
    return max(at, datetime.datetime.combine(day, datetime.time(_HOUR), tzinfo=PARIS))


def write_year_letters(*, at: datetime.datetime) -> int:
    """Queue the letters that are still to be written this September; return how many. Idempotent."""
    total = 0
    while queued := write_batch(at=at):
        total += queued
    return total


@transaction.atomic
def write_batch(*, at: datetime.datetime) -> int:
    """Queue the letters of up to `BATCH_SIZE` people, and return how many; 0 outside of their days."""
    due_at = find_writing_time(at)
    if due_at is None:
        return 0
    year = date_in_paris(at).year
    chosen = User.objects.in_bulk(_choose(year, at))
    emails = [
        NewMessage(kind=YEAR_ENDED, recipient=person.email, context={"user": person.pk, "year": year})
        for person in chosen.values()
    ]
    return enqueue_in_portal(emails, at=at, due_at=due_at)


def _choose(year: int, at: datetime.datetime) -> Sequence[int]:
    """Record and return the people who have not been written to about the school year that ended."""
    before, last = (datetime.date(one, 8, 31) for one in (year - 1, year))
    with connection.cursor() as cursor:
        cursor.execute(_CHOOSE_SQL, {"before": before, "last": last, "year": year, "at": at, "limit": BATCH_SIZE})
        return [number for (number,) in cursor.fetchall()]


_DAY = datetime.timedelta(days=1)
_RELATED = ("subscription__school", "subscription__principal", "subscription__key__entitlement")


class SchoolTurn(NamedTuple):
    """The licences of a school: those of the year that ended, and those of a later one.

    `waiting`: keys of a later year that nobody activated yet; their e-mail left, or leaves on its day.
    """

    name: str
    ended: list[Subscription]
    new: list[Subscription]
    waiting: list[ActivationKey]


def build_year_letters(messages: Sequence[Message]) -> Callable[[Message], RenderedEmail]:
    """Load once who reads these letters and the seats they hold, and return a function that renders each."""
    people = User.objects.in_bulk([message.context["user"] for message in messages])
    seats: dict[int, list[Seat]] = {number: [] for number in people}
    held = (
        Seat.objects.filter(holder__in=people)
        .select_related(*_RELATED, "classroom")
        .annotate(pupils=Count("classroom__pupils"))
        .order_by("subscription__key__entitlement__last_day", "pk")
    )
    for seat in held:
        seats[cast("int", seat.holder_id)].append(seat)

    def render_one(message: Message) -> RenderedEmail:
        person = people[message.context["user"]]
        return _render(person, seats[person.pk], message.context["year"], timezone.now())

    return render_one


def render_year_letter(message: Message) -> RenderedEmail:
    """Render one letter for sending. Raises `NoLongerDue`."""
    return build_year_letters([message])(message)


def _render(person: User, seats: Sequence[Seat], year: int, at: datetime.datetime) -> RenderedEmail:
    """Say to a teacher or a principal what of their licences ended, what continues, and until when to choose."""
    is_principal = person.profile == Profile.PRINCIPAL
    schools = [_describe_school(turn) for turn in _list_schools(person, year, at)] if is_principal else []
    own = _describe_own(person, seats, year, at)
    if not person.is_active or not (schools or own):
        raise NoLongerDue("La personne n’a plus de licence de l’année finie, et ne dirige plus d’école qui en ait eu.")
    context = {"label": format_school_year(year), "is_principal": is_principal, "schools": schools, "own": own}
    return render_class_email(YEAR_ENDED, context, reader=person, path="mon-compte/")


def _describe_own(person: User, seats: Sequence[Seat], year: int, at: datetime.datetime) -> dict[str, Any]:
    """Return what becomes of the person's own licences and classes; empty where they had none."""
    day = date_in_paris(at)
    ended = [seat for seat in seats if _get_year(seat.subscription) == year]
    if not ended:
        return {}
    new = [
        seat
        for seat in seats
        if _get_year(seat.subscription) > year and seat.subscription.key.entitlement.available_on(day)
    ]
    opened = [f"« {seat.classroom.name} »" for seat in new if hasattr(seat, "classroom")]
    uais = {uai for seat in ended if (uai := seat.subscription.school_id)}
    waiting = [seat for seat in ended if cast("Any", seat).pupils and seat.classroom.purged_at is None]
    erased_on = get_erasure_date(max((_get_last_day(seat.subscription) for seat in waiting), default=day))
    return {
        "count": len(ended),
        "accounts": join_words(list(dict.fromkeys(describe_account(seat.subscription) for seat in ended))),
        "ended_on": max(_get_last_day(seat.subscription) for seat in ended),
        "opened": join_words(opened),
        "opened_count": len(opened),
        "new_count": len(new),
        "new_until": max((seat.subscription.key.entitlement.open_until for seat in new), default=None),
        # Nobody is sent to the shop whose school has one left.
        "school_has_licences": not new
        and bool(_list_waiting_keys(uais, year, day) or _list_free_seats(uais, year, day)),
        "waiting": join_words(
            [f"« {seat.classroom.name} » ({pluralize(cast('Any', seat).pupils, 'élève')})" for seat in waiting]
        ),
        "waiting_count": len(waiting),
        "can_carry_on": bool(waiting and operations.list_offers(person, at=at)),
        "kept_until": erased_on - _DAY,
        "erased_on": erased_on,
    }


def _list_free_seats(uais: Collection[str], year: int, day: datetime.date) -> list[Seat]:
    """Return the seats of later years at these schools that nobody has, nor is promised."""
    seats = Seat.objects.filter(
        subscription__school__in=uais,
        holder__isnull=True,
        reserved_at__isnull=True,
        subscription__key__entitlement__last_day__gt=datetime.date(year, 8, 31),
    ).select_related("subscription__key__entitlement")
    return [seat for seat in seats.order_by("pk") if seat.subscription.key.entitlement.available_on(day)]


def _list_schools(person: User, year: int, at: datetime.datetime) -> list[SchoolTurn]:
    day = date_in_paris(at)
    found = (
        Subscription.objects.filter(administered_by(person), key__entitlement__cancelled_at__isnull=True)
        .filter(
            ends_in_school_year(year, "key__entitlement") | Q(key__entitlement__last_day__gt=datetime.date(year, 8, 31))
        )
        .select_related("school", "principal", "key__entitlement__collectivity")
        .annotate(held=Count("seats", filter=Q(seats__holder__isnull=False)))
        .annotate(reserved=Count("seats", filter=Q(seats__reserved_at__isnull=False)))
        .order_by("school__name", "pk")
    )
    schools: dict[tuple[str, int], SchoolTurn] = {}
    for subscription in found:
        # Of schools that were typed by hand, each principal has their own.
        key = (subscription.school_id or "", 0 if subscription.school_id else subscription.principal_id)
        turn = schools.setdefault(key, SchoolTurn(describe_account(subscription), [], [], []))
        if _get_year(subscription) == year:
            turn.ended.append(subscription)
        elif subscription.key.entitlement.available_on(day):
            turn.new.append(subscription)
    for waiting in _list_waiting_keys([uai for uai, _ in schools if uai], year, day):
        schools[str(waiting.school_id), 0].waiting.append(waiting)
    return [turn for turn in schools.values() if turn.ended]


def _list_waiting_keys(uais: Collection[str], year: int, day: datetime.date) -> list[ActivationKey]:
    """Return the keys of later years that collectivities gave to these schools and nobody activated."""
    keys = ActivationKey.objects.filter(
        school__in=uais,
        redeemed_at__isnull=True,
        revoked_at__isnull=True,
        units__gt=0,
        entitlement__collectivity__isnull=False,
        entitlement__last_day__gt=datetime.date(year, 8, 31),
    ).select_related("entitlement__collectivity")
    return [key for key in keys.order_by("pk") if key.entitlement.available_on(day)]


def _describe_school(turn: SchoolTurn) -> dict[str, Any]:
    ended_on = max(_get_last_day(subscription) for subscription in turn.ended)
    gifts: Counter[str] = Counter()
    for key in turn.waiting:
        if key.entitlement.collectivity is not None:
            gifts[start_sentence(collectivity_forms(key.entitlement.collectivity.name).the)] += key.units
    givers = {
        collectivity_forms(collectivity.name).to_the
        for subscription in turn.ended
        if (collectivity := subscription.key.entitlement.collectivity) is not None
    }
    size = sum(subscription.size for subscription in turn.new)
    return {
        "name": turn.name,
        "size": sum(subscription.size for subscription in turn.ended),
        "held": sum(cast("Any", subscription).held for subscription in turn.ended),
        "ended_on": ended_on,
        "has_new": bool(turn.new),
        "new_size": size,
        "left": size - sum(cast("Any", one).held + cast("Any", one).reserved for one in turn.new),
        "givers": join_words(sorted(givers)),
        # Licences that the school has yet to activate, by who gave them.
        "gifts": list(gifts.items()),
        "given_units": gifts.total(),
        "waiting_keys": len(turn.waiting),
        "waiting_classes": _count_waiting_classes(turn) if turn.new else 0,
        "kept_until": get_erasure_date(ended_on) - _DAY,
    }


def _count_waiting_classes(turn: SchoolTurn) -> int:
    classes = Classroom.objects.filter(
        seat__subscription__in=turn.ended, purged_at__isnull=True, seat__holder__isnull=False, pupils__isnull=False
    )
    return classes.distinct().count()


def _get_last_day(subscription: Subscription) -> datetime.date:
    return subscription.key.entitlement.last_day


def _get_year(subscription: Subscription) -> int:
    return get_school_year(_get_last_day(subscription))


kinds.register(YEAR_ENDED, label="Lettre de rentrée", render=render_year_letter, prefetch=build_year_letters)
