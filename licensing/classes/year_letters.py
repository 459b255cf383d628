"""The letter of 1 September, one a person: when it is written, and what of Pep's ended or continues.

Whoever held a licence of the year that ended, or leads a school that had one. Chosen by one statement for 500 people,
whatever the collectivities; a row a person and year makes it once, however many workers run this.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import Profile, User
from core.calendar import PARIS, date_in_paris, extend_to_working_day
from core.formatting import collectivity_forms, join_words, pluralize, start_sentence
from core.links import portal_url
from licensing.classes import operations
from licensing.classes.models import Classroom
from licensing.classes.pupil_erasure import get_erasure_date
from licensing.entitlements.models import ActivationKey, Seat, Subscription
from licensing.entitlements.queries import administered_by, ends_in_school_year, get_school_year
from licensing.entitlements.wording import describe_account, format_long_date
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from mailing.operations import NewMessage, enqueue_many

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
    with schema_context(get_public_schema_name()):
        return enqueue_many(
            [
                NewMessage(kind=YEAR_ENDED, recipient=person.email, context={"user": person.pk, "year": year})
                for person in chosen.values()
            ],
            at=at,
            due_at=due_at,
        )


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
    label = f"{year - 1}-{year}"
    is_principal = person.profile == Profile.PRINCIPAL
    paragraphs = _describe_schools(person, year, at) if is_principal else []
    paragraphs += _describe_seats(person, seats, year, at)
    if not person.is_active or not paragraphs:
        raise NoLongerDue("La personne n’a plus de licence de l’année finie, et ne dirige plus d’école qui en ait eu.")
    reason = "vous dirigez une école qui avait des licences" if is_principal else "vous aviez une licence"
    return render_email(
        greeting=format_salutation(person.first_name),
        subject=f"Rentrée : ce qui continue, et ce qui a pris fin avec l’année {label}",
        paragraphs=paragraphs,
        button="Ouvrir Mon compte",
        address=portal_url("mon-compte/"),
        notes=[
            f"Vous recevez ce message parce que {reason} Pep’s en {label}. Il n’est envoyé qu’une fois, à la rentrée.",
            "Une question ? Écrivez-nous par la page Contact du site.",
        ],
    )


def _describe_seats(person: User, seats: Sequence[Seat], year: int, at: datetime.datetime) -> list[str]:
    """Return what becomes of the person's own licences and classes; empty where they had none."""
    day = date_in_paris(at)
    ended = [seat for seat in seats if _get_year(seat.subscription) == year]
    if not ended:
        return []
    new = [
        seat
        for seat in seats
        if _get_year(seat.subscription) > year and seat.subscription.key.entitlement.available_on(day)
    ]
    last_day = max(seat.subscription.key.entitlement.last_day for seat in ended)
    accounts = join_words(list(dict.fromkeys(describe_account(seat.subscription) for seat in ended)))
    end = f"Votre licence ({accounts}) a pris fin" if len(ended) == 1 else f"Vos licences ({accounts}) ont pris fin"
    waiting = [seat for seat in ended if cast("Any", seat).pupils and seat.classroom.purged_at is None]
    return [
        f"{end} le {format_long_date(last_day)}, avec l’année scolaire.",
        *(_describe_new_seats(new) if new else [_describe_no_seat(ended, year, day)]),
        *_describe_waiting(person, waiting, at),
    ]


def _describe_no_seat(ended: Sequence[Seat], year: int, day: datetime.date) -> str:
    """Say whom to ask for a licence; nobody is sent to the shop whose school has one left."""
    uais = {uai for seat in ended if (uai := seat.subscription.school_id)}
    if _list_waiting_keys(list(uais), year, day) or _list_free_seats(list(uais), year, day):
        return (
            "Votre école a des licences pour l’année nouvelle, et aucune n’est encore à vous : demandez-en une à votre "
            "direction, qui la donne depuis son compte."
        )
    return (
        "Aucune licence de l’année nouvelle ne vous est attribuée pour le moment : demandez-la à votre direction, qui "
        "la donne depuis son compte, ou prenez-en une dans la boutique."
    )


def _list_free_seats(uais: Sequence[str], year: int, day: datetime.date) -> list[Seat]:
    """Return the seats of later years at these schools that nobody has, nor is promised."""
    seats = Seat.objects.filter(
        subscription__school__in=uais,
        holder__isnull=True,
        reserved_at__isnull=True,
        subscription__key__entitlement__last_day__gt=datetime.date(year, 8, 31),
    ).select_related("subscription__key__entitlement")
    return [seat for seat in seats.order_by("pk") if seat.subscription.key.entitlement.available_on(day)]


def _describe_new_seats(new: Sequence[Seat]) -> list[str]:
    until = format_long_date(max(seat.subscription.key.entitlement.open_until for seat in new))
    opened = [seat.classroom.name for seat in new if hasattr(seat, "classroom")]
    if opened:
        names = join_words([f"« {name} »" for name in opened])
        classes = f"Votre classe {names} est ouverte" if len(opened) == 1 else f"Vos classes {names} sont ouvertes"
        return [f"{classes} dans l’année nouvelle, jusqu’au {until} : il n’y a rien à faire."]
    have = "une licence" if len(new) == 1 else f"{len(new)} licences"
    return [f"Vous avez {have} pour l’année nouvelle, jusqu’au {until}."]


def _describe_waiting(person: User, waiting: Sequence[Seat], at: datetime.datetime) -> list[str]:
    """Return until when the pupils of last year's classes are kept, and what may be done with them."""
    if not waiting:
        return []
    classes = join_words(
        [f"« {seat.classroom.name} » ({pluralize(cast('Any', seat).pupils, 'élève')})" for seat in waiting]
    )
    whose = f"de votre classe {classes}" if len(waiting) == 1 else f"de vos classes {classes}"
    erased_on = get_erasure_date(max(seat.subscription.key.entitlement.last_day for seat in waiting))
    until, day = format_long_date(erased_on - _DAY), format_long_date(erased_on)
    if operations.list_offers(person, at=at):
        choice = (
            f"Jusqu’au {until} inclus, « Emmener ma classe », sur sa page, l’amène dans l’année nouvelle : les élèves "
            "gardent leur carte. Vous préférez une classe vide ? Ouvrez-en une nouvelle."
        )
    else:
        choice = f"Jusqu’au {until} inclus, une licence de l’année nouvelle, une fois à vous, permet de l’emmener."
        if len(waiting) > 1:
            choice = f"Jusqu’au {until} inclus, des licences de l’année nouvelle permettent de les emmener."
    return [
        f"Les comptes élèves {whose} n’ouvrent plus l’application. {choice}",
        (
            "D’ici là, un élève qui change d’enseignant se confie à un collègue de l’école par un code, et les prénoms "
            "que vous gardez s’enregistrent dans un fichier, depuis « Écrire les prénoms ». Sans choix de votre part, "
            f"les comptes sont effacés le {day}, et vous en recevez le certificat."
        ),
    ]


def _describe_schools(person: User, year: int, at: datetime.datetime) -> list[str]:
    """Return what ended and what is there for each school that the principal leads."""
    paragraphs = []
    for turn in _list_schools(person, year, at):
        paragraphs += [_describe_ended(turn, year), _describe_new(turn)]
        if (classes := _count_waiting_classes(turn)) and turn.new:
            erased_on = get_erasure_date(max(one.key.entitlement.last_day for one in turn.ended))
            until = format_long_date(erased_on - _DAY)
            wait = "classe de l’an dernier attend" if classes == 1 else "classes de l’an dernier attendent"
            paragraphs.append(
                f"{classes} {wait} : un enseignant à qui vous donnez une licence de l’année nouvelle peut emmener la "
                f"sienne, avec ses élèves, jusqu’au {until} inclus."
            )
    return paragraphs


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


def _list_waiting_keys(uais: Sequence[str], year: int, day: datetime.date) -> list[ActivationKey]:
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


def _describe_ended(turn: SchoolTurn, year: int) -> str:
    size, held = sum(one.size for one in turn.ended), sum(cast("Any", one).held for one in turn.ended)
    last_day = format_long_date(max(one.key.entitlement.last_day for one in turn.ended))
    label = f"{year - 1}-{year}"
    if size == 1:
        given = "donnée à un enseignant" if held else "que personne n’avait"
        return f"{turn.name} : la licence de {label}, {given}, a pris fin le {last_day}."
    given = "était donnée" if held == 1 else "étaient données"
    return f"{turn.name} : les {size} licences de {label} ont pris fin le {last_day} ; {held} {given}."


def _describe_waiting_keys(turn: SchoolTurn) -> str:
    """Say who gave licences that the school has yet to activate; empty where there are none."""
    if not turn.waiting:
        return ""
    units: dict[str, int] = {}
    for key in turn.waiting:
        if key.entitlement.collectivity is not None:
            giver = start_sentence(collectivity_forms(key.entitlement.collectivity.name).the)
            units[giver] = units.get(giver, 0) + key.units
    gifts = [f"{giver} donne {pluralize(count, 'licence')} pour l’année nouvelle." for giver, count in units.items()]
    if sum(units.values()) == 1:
        way = "Sa clé vient par e-mail à l’adresse de l’école : activez-la, puis donnez la licence à un enseignant."
    elif len(turn.waiting) == 1:
        way = "Leur clé vient par e-mail à l’adresse de l’école : activez-la, puis donnez-les à vos enseignants."
    else:
        way = "Leurs clés viennent par e-mail à l’adresse de l’école : activez-les, puis donnez les licences."
    return " ".join([*gifts, way])


def _describe_new(turn: SchoolTurn) -> str:
    waiting = _describe_waiting_keys(turn)
    if not turn.new and waiting:
        return waiting
    if not turn.new:
        givers = {
            collectivity_forms(collectivity.name).to_the
            for one in turn.ended
            if (collectivity := one.key.entitlement.collectivity) is not None
        }
        whom = f"demandez-en {join_words(sorted(givers))}, ou " if givers else ""
        return (
            f"Aucune licence de l’année nouvelle n’est encore là : {whom}commandez-en dans la boutique. Une clé reçue "
            "par e-mail s’active dans « Mon compte »."
        )
    size = sum(one.size for one in turn.new)
    taken = sum(cast("Any", one).held + cast("Any", one).reserved for one in turn.new)
    there = f"{pluralize(size, 'licence')} de l’année nouvelle {'est là' if size == 1 else 'sont là'}"
    left = size - taken
    if left:
        rest = f"{left} {'reste' if left == 1 else 'restent'} à donner à vos enseignants, depuis « Mon compte »."
        return f"{there} : {rest} {waiting}".rstrip()
    if waiting:
        return f"{there}, {'donnée ou réservée' if size == 1 else 'toutes données ou réservées'}. {waiting}"
    return f"{there}, {'donnée ou réservée' if size == 1 else 'toutes données ou réservées'} : rien à faire."


def _count_waiting_classes(turn: SchoolTurn) -> int:
    classes = Classroom.objects.filter(
        seat__subscription__in=turn.ended, purged_at__isnull=True, seat__holder__isnull=False, pupils__isnull=False
    )
    return classes.distinct().count()


def _get_year(subscription: Subscription) -> int:
    return get_school_year(subscription.key.entitlement.last_day)


kinds.register(YEAR_ENDED, label="Lettre de rentrée", render=render_year_letter, prefetch=build_year_letters)
