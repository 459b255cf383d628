"""May this person enter the learning application now, as what, until when? The one question that it asks.

Each answer is one query, by primary keys and foreign keys alone: it stands before every entry of every child. It is
read from the rows of that moment, and nothing is kept of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from django.db import connection

from accounts.models import Profile
from licensing.classes.running import reason_on
from licensing.exceptions import Refused
from licensing.subscriptions.models import Source
from licensing.subscriptions.queries import today
from licensing.subscriptions.wording import CANCELLED, on_day

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

_TEACHER = """
SELECT person.is_active, person.profile, seat.id, source.last_day, source.provisional_until, source.unpaid_until,
       source.suspended_at, source.cancelled_at, classroom.id, classroom.code, classroom.name
FROM accounts_user AS person
LEFT JOIN LATERAL (
    SELECT held.id FROM subscriptions_seat AS held WHERE held.holder_id = person.id
    UNION ALL
    -- Let in by a holder who has gone since, one is not let in any more.
    SELECT shared.id
    FROM classes_classroom AS class
    JOIN subscriptions_seat AS shared ON shared.id = class.seat_id AND shared.holder_id = class.second_let_in_by_id
    WHERE class.second_teacher_id = person.id
) AS taught ON true
LEFT JOIN subscriptions_seat AS seat ON seat.id = taught.id
LEFT JOIN subscriptions_subscription AS subscription ON subscription.id = seat.subscription_id
LEFT JOIN subscriptions_activationkey AS key ON key.id = subscription.key_id
LEFT JOIN subscriptions_source AS source ON source.id = key.source_id
LEFT JOIN classes_classroom AS classroom ON classroom.seat_id = seat.id AND classroom.purged_at IS NULL
WHERE person.id = %s
"""
_PUPIL = """
SELECT pupil.number, pupil.word, classroom.purged_at, seat.holder_id,
       seat.id, source.last_day, source.provisional_until, source.unpaid_until, source.suspended_at,
       source.cancelled_at, classroom.id, classroom.code, classroom.name
FROM classes_pupilaccount AS pupil
JOIN classes_classroom AS classroom ON classroom.id = pupil.classroom_id
JOIN subscriptions_seat AS seat ON seat.id = classroom.seat_id
JOIN subscriptions_subscription AS subscription ON subscription.id = seat.subscription_id
JOIN subscriptions_activationkey AS key ON key.id = subscription.key_id
JOIN subscriptions_source AS source ON source.id = key.source_id
WHERE pupil.id = %s
"""

#: What children of six are told; the teacher is told the rest.
_TELL = "Dis-le à ton maître ou à ta maîtresse."
_CLASS_CLOSED = f"Ta classe est fermée pour le moment. {_TELL}"

#: What those are told to whom no licence was ever given.
_WITHOUT_LICENCE = {
    Profile.TEACHER: (
        "Aucune licence ne vous est attribuée pour le moment. Demandez-en une à votre chef d'établissement ; s'il vous "
        "a transmis une clé, saisissez-la dans « Mon compte »."
    ),
    Profile.PRINCIPAL: (
        "L'application s'ouvre avec une licence. Si vous avez une classe, attribuez-vous une licence de vos "
        "abonnements dans « Mon compte »."
    ),
    Profile.AGENT: (
        "L'application est faite pour les enseignants et leurs élèves : votre compte est celui d'un agent, et n'a pas "
        "de licence."
    ),
}


class UnknownPerson(Refused):
    """There is no such account; there never was, or a pupil was removed or erased."""

    code = "unknown_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClass:
    """A class that may be entered."""

    pk: int
    code: str
    name: str
    until: datetime.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The answer. `until` is inclusive, in Paris; `reason` and `sentence` say why not, to programs and to people.

    A teacher may enter without a class: one that he has not opened yet. `number` and `nickname` are a pupil's.
    """

    allowed: bool
    as_what: Literal["teacher", "pupil"]
    until: datetime.date | None = None
    classes: tuple[OpenClass, ...] = ()
    number: int | None = None
    nickname: str = ""
    reason: str = ""
    sentence: str = ""


class _Licence(NamedTuple):
    """What a seat gives, and the class that it opened, if it did."""

    seat: int
    last_day: datetime.date
    provisional_until: datetime.date | None
    unpaid_until: datetime.date | None
    suspended_at: datetime.datetime | None
    cancelled_at: datetime.datetime | None
    classroom: int | None
    code: str
    name: str

    @property
    def source(self) -> Source:
        """What was read of its source, for the rules that all share; it is never stored."""
        return Source(
            last_day=self.last_day,
            provisional_until=self.provisional_until,
            unpaid_until=self.unpaid_until,
            suspended_at=self.suspended_at,
            cancelled_at=self.cancelled_at,
        )

    @property
    def until(self) -> datetime.date:
        return self.source.open_until

    def refusal(self, day: datetime.date) -> str:
        """Return why it gives nothing on that day; nothing where it does."""
        return reason_on(self.source, day)

    def opens(self) -> tuple[OpenClass, ...]:
        if self.classroom is None:
            return ()
        return (OpenClass(pk=self.classroom, code=self.code, name=self.name, until=self.until),)


def may_enter_user(user_id: int, at: datetime.datetime) -> Entry:
    """Return whether a teacher may enter: he holds a seat of a running licence, or shares the class of one who does.

    Of several licences the one that runs longest says until when. Raises `UnknownPerson`.
    """
    rows = _ask(_TEACHER, user_id)
    if not rows:
        raise UnknownPerson("Ce compte n'existe pas.")
    active, profile = rows[0][:2]
    if not active:
        return _no("teacher", "account_closed", "Ce compte est fermé.")
    licences = [_Licence(*row[2:]) for row in rows if row[2] is not None]
    if not licences:
        return _no("teacher", "no_licence", _WITHOUT_LICENCE[Profile(profile)])
    day = today(at)
    running = sorted((one for one in licences if not one.refusal(day)), key=lambda one: (one.until, one.seat))
    if not running:
        last = max(licences, key=lambda one: (one.last_day, one.until, one.seat))
        return _no("teacher", last.refusal(day), _why(last, last.refusal(day)))
    return Entry(
        allowed=True,
        as_what="teacher",
        until=running[-1].until,
        classes=tuple(open_class for one in reversed(running) for open_class in one.opens()),
    )


def may_enter_pupil(pupil_id: int, at: datetime.datetime) -> Entry:
    """Return whether a pupil may enter: somebody teaches his class, and its licence runs.

    Tries that were wrong close the door at which passwords are typed, and it alone: a child who has passed it is not
    put out in the middle of a lesson because somebody else guesses.

    Raises `UnknownPerson`: the account was removed, or erased with its class.
    """
    rows = _ask(_PUPIL, pupil_id)
    if not rows:
        raise UnknownPerson("Ce compte d'élève n'existe pas, ou n'existe plus.")
    number, word, purged, holder = rows[0][:4]
    licence = _Licence(*rows[0][4:])
    refusal = licence.refusal(today(at))
    if purged is not None or refusal == "licence_ended":
        return _no("pupil", "licence_ended", f"Ta classe est finie pour cette année. {_TELL}")
    if refusal:
        return _no("pupil", refusal, _CLASS_CLOSED)
    if holder is None:
        return _no("pupil", "no_teacher", _CLASS_CLOSED)
    return Entry(
        allowed=True,
        as_what="pupil",
        until=licence.until,
        classes=licence.opens(),
        number=number,
        nickname=word,
    )


def _ask(question: str, number: int) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question, [number])
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _no(as_what: Literal["teacher", "pupil"], reason: str, sentence: str) -> Entry:
    return Entry(allowed=False, as_what=as_what, reason=reason, sentence=sentence)


def _why(licence: _Licence, refusal: str) -> str:
    if refusal == "licence_ended" and licence.cancelled_at is not None:
        return f"{CANCELLED}. Voyez avec votre chef d'établissement."
    if refusal == "licence_ended":
        return (
            f"Votre licence était valable jusqu'au {on_day(licence.last_day)} inclus. Demandez à votre chef "
            "d'établissement une licence de la nouvelle année scolaire."
        )
    if refusal == "licence_suspended" and licence.source.temporary_until is None:
        return (
            "Votre licence est suspendue. Votre classe et vos élèves sont conservés, et tout reprendra de soi-même dès "
            "qu'elle sera rétablie."
        )
    kept = "Votre classe et vos élèves sont conservés, et tout reprendra de soi-même dès qu'il sera reçu."
    if refusal == "licence_suspended":
        return f"Votre licence est suspendue : sa commande attend son règlement. {kept}"
    return (
        f"Les droits temporaires de votre licence ont pris fin le {on_day(licence.until)} : sa commande attend son "
        f"règlement. {kept}"
    )
