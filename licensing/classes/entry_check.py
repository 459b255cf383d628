"""Decide whether a person may enter the learning application now, in which role, and until when.

One query by primary and foreign keys for each decision, as every entry of every child needs one. Nothing is cached.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from django.db import connection

from accounts.models import Profile
from core.calendar import date_in_paris
from core.exceptions import DomainError
from licensing.classes import words
from licensing.classes.queries import UnusableCase, find_unusable_case, format_entry_refusal
from licensing.entitlements.models import STATUS_COLUMNS, Entitlement

_LICENCE = f"""
    seat.id, {", ".join(f"entitlement.{column}" for column in STATUS_COLUMNS)},
    classroom.id, classroom.code, classroom.name
"""
_TEACHER_SQL = f"""
SELECT person.is_active, person.profile, {_LICENCE}
FROM accounts_user AS person
LEFT JOIN LATERAL (
    SELECT held.id FROM entitlements_seat AS held WHERE held.holder_id = person.id
    UNION ALL
    -- A second teacher invited by a former holder has no access.
    SELECT shared.id
    FROM classes_classroom AS class
    JOIN entitlements_seat AS shared ON shared.id = class.seat_id AND shared.holder_id = class.second_invited_by_id
    WHERE class.second_teacher_id = person.id
) AS taught ON true
LEFT JOIN entitlements_seat AS seat ON seat.id = taught.id
LEFT JOIN entitlements_subscription AS subscription ON subscription.id = seat.subscription_id
LEFT JOIN entitlements_activationkey AS key ON key.id = subscription.key_id
LEFT JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
LEFT JOIN classes_classroom AS classroom ON classroom.seat_id = seat.id AND classroom.purged_at IS NULL
WHERE person.id = %s
"""  # noqa: S608 - constants
_PUPIL_SQL = f"""
SELECT pupil.number, pupil.word || coalesce(
           -- Two leopards in a class are told apart by the flower that follows: « léopard-harpe ».
           (SELECT '-' || split_part(pupil.code, '-', 1) FROM classes_pupilaccount AS other
            WHERE other.classroom_id = pupil.classroom_id AND other.word = pupil.word AND other.id <> pupil.id LIMIT 1),
           ''), classroom.purged_at, seat.holder_id, {_LICENCE}
FROM classes_pupilaccount AS pupil
JOIN classes_classroom AS classroom ON classroom.id = pupil.classroom_id
JOIN entitlements_seat AS seat ON seat.id = classroom.seat_id
JOIN entitlements_subscription AS subscription ON subscription.id = seat.subscription_id
JOIN entitlements_activationkey AS key ON key.id = subscription.key_id
JOIN entitlements_entitlement AS entitlement ON entitlement.id = key.entitlement_id
WHERE pupil.id = %s
"""  # noqa: S608 - constants

# Short sentences for six-year-olds; the teacher's page gives the details.
_ASK_TEACHER = "Dis-le à ton maître ou à ta maîtresse."
_CLASS_CLOSED = f"Ta classe est fermée pour le moment. {_ASK_TEACHER}"

#: For users who never had a licence.
_NO_LICENCE = {
    Profile.TEACHER: (
        "Aucune licence ne vous est attribuée pour le moment. Demandez-en une à votre chef d’établissement ; s’il vous "
        "a transmis une clé, saisissez-la dans « Mon compte »."
    ),
    Profile.PRINCIPAL: (
        "L’application s’ouvre avec une licence. Si vous avez une classe, attribuez-vous une licence de vos "
        "abonnements dans « Mon compte »."
    ),
    Profile.AGENT: (
        "L’application est faite pour les enseignants et leurs élèves : votre compte est celui d’un agent, et n’a pas "
        "de licence."
    ),
}


class UnknownPerson(DomainError):
    """The account does not exist, or the pupil was removed or erased."""

    code = "unknown_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClass:
    """A class that the person may enter."""

    pk: int
    code: str
    name: str
    until: datetime.date


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDecision:
    """The decision. `until` is inclusive, in Paris; `reason` (a code) and `sentence` (French) say why not.

    A teacher may enter without a class, before opening one. `number` and `nickname`, their word with its accents, are a
    pupil's.
    """

    allowed: bool
    role: Literal["teacher", "pupil"]
    until: datetime.date | None = None
    classes: tuple[OpenClass, ...] = ()
    number: int | None = None
    nickname: str = ""
    reason: str = ""
    sentence: str = ""


class _Licence(NamedTuple):
    """A seat's entitlement, unsaved, with `STATUS_COLUMNS`, and its class if one was opened."""

    seat: int
    entitlement: Entitlement
    classroom: int | None
    code: str
    name: str

    @property
    def until(self) -> datetime.date:
        return self.entitlement.open_until

    def unusable_on(self, day: datetime.date) -> UnusableCase | None:
        """Return why it is unusable on that day; None where it is usable."""
        return find_unusable_case(self.entitlement, day)

    def open_classes(self) -> tuple[OpenClass, ...]:
        if self.classroom is None:
            return ()
        return (OpenClass(pk=self.classroom, code=self.code, name=self.name, until=self.until),)


def check_user_entry(user_id: int, at: datetime.datetime) -> EntryDecision:
    """Return whether a teacher may enter: they hold a running licence, or share the class of a holder.

    `until` is that of the licence that runs longest. Raises `UnknownPerson`.
    """
    rows = _fetch_rows(_TEACHER_SQL, user_id)
    if not rows:
        raise UnknownPerson("Ce compte n’existe pas.")
    active, profile = rows[0][:2]
    if not active:
        return _deny("teacher", "account_closed", "Ce compte est fermé.")
    licences = [_read_licence(row[2:]) for row in rows if row[2] is not None]
    if not licences:
        return _deny("teacher", "no_licence", _NO_LICENCE[Profile(profile)])
    day = date_in_paris(at)
    unusable = [(one, case) for one in licences if (case := one.unusable_on(day)) is not None]
    running = sorted((one for one in licences if one.unusable_on(day) is None), key=lambda one: (one.until, one.seat))
    if not running:
        # Next year's licence explains nothing while this year's is suspended.
        last, case = max(
            unusable,
            key=lambda pair: (_is_suspended(pair[1]), pair[0].entitlement.last_day, pair[0].until, pair[0].seat),
        )
        return _deny("teacher", case.code, format_entry_refusal(case, last.entitlement))
    return EntryDecision(
        allowed=True,
        role="teacher",
        until=running[-1].until,
        classes=tuple(open_class for one in reversed(running) for open_class in one.open_classes()),
    )


def _is_suspended(case: UnusableCase) -> bool:
    return case not in (UnusableCase.CANCELLED, UnusableCase.ENDED, UnusableCase.NOT_BEGUN)


def check_pupil_entry(pupil_id: int, at: datetime.datetime) -> EntryDecision:
    """Return whether a pupil may enter: their class has a teacher, and its licence runs.

    Locks after wrong passwords apply to signing in only: a signed-in child is not thrown out in the middle of a lesson
    because somebody else guesses.

    Raises `UnknownPerson`: the account was removed, or erased with its class.
    """
    rows = _fetch_rows(_PUPIL_SQL, pupil_id)
    if not rows:
        raise UnknownPerson("Ce compte d’élève n’existe pas, ou n’existe plus.")
    number, word, purged, holder = rows[0][:4]
    licence = _read_licence(rows[0][4:])
    case = licence.unusable_on(date_in_paris(at))
    if purged is not None or case in (UnusableCase.CANCELLED, UnusableCase.ENDED):
        return _deny("pupil", "licence_ended", f"Ta classe est finie pour cette année. {_ASK_TEACHER}")
    if case is not None:
        return _deny("pupil", case.code, _CLASS_CLOSED)
    if holder is None:
        return _deny("pupil", "no_teacher", _CLASS_CLOSED)
    return EntryDecision(
        allowed=True,
        role="pupil",
        until=licence.until,
        classes=licence.open_classes(),
        number=number,
        nickname=words.spell(word),
    )


def _read_licence(row: Sequence[Any]) -> _Licence:
    seat, *entitlement, classroom, code, name = row
    return _Licence(seat, Entitlement(**dict(zip(STATUS_COLUMNS, entitlement, strict=True))), classroom, code, name)


def _fetch_rows(statement: str, number: int) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [number])
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _deny(role: Literal["teacher", "pupil"], reason: str, sentence: str) -> EntryDecision:
    return EntryDecision(allowed=False, role=role, reason=reason, sentence=sentence)
