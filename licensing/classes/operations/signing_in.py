"""A pupil signs in with what stands on his card.

Each try is counted, in a transaction of its own, before its password is looked at: a hundred requests at the same
moment are a hundred tries. The tenth wrong one locks the pupil, the sixtieth the class, until the teacher unlocks them;
a right one takes back what was counted. A login that does not exist is answered in the same words, counted and locked
as one that does, and hashed for as long: which animals a class has is not found out here.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts import throttling
from licensing.classes import passwords, running, words
from licensing.classes.exceptions import ClassClosed, ClassLocked, PupilLocked, TooManyTries, WrongCredentials
from licensing.classes.models import Classroom, PupilAccount
from licensing.exceptions import Refused

#: Wrong passwords in a row that lock a pupil, and a class.
PUPIL_TRIES = 10
CLASS_TRIES = 60
#: A school's classes share one address, and its children learn to type.
BY_NETWORK = throttling.Limit("pupil/network", 100, datetime.timedelta(minutes=15))
#: A login that does not exist locks as one that does, else the tenth try would tell them apart.
UNKNOWN = throttling.Limit("pupil/unknown", PUPIL_TRIES - 1, datetime.timedelta(days=1))

_WRONG = "Ce n'est pas cela. Regarde bien ta carte, et recommence."
_PUPIL_LOCKED = "Il y a eu trop d'essais. Demande à ton maître ou à ta maîtresse de débloquer ton compte."
_CLASS_LOCKED = "Il y a eu trop d'essais dans ta classe. Demande à ton maître ou à ta maîtresse de la rouvrir."
_CLOSED = "Ta classe est fermée pour le moment. Dis-le à ton maître ou à ta maîtresse."


@sensitive_variables("password")
def sign_in(*, login: str, password: str, address: str, at: datetime.datetime) -> PupilAccount:
    """Return the pupil, with his class, whose login and password these are.

    Raises `WrongCredentials`, `PupilLocked`, `ClassLocked`, `TooManyTries`; and `ClassClosed`, to the right password
    alone, where the class gives no access now. The counts stay when it raises: it is no single transaction.
    """
    network = [(BY_NETWORK, throttling.network(address))]
    try:
        throttling.count(network, at=at)
    except throttling.Throttled as throttled:
        raise TooManyTries(
            f"Il y a eu trop d'essais ici. Attends {throttling.in_words(throttled.wait)}, et recommence.",
            throttled.retry_after,
        ) from None
    try:
        pupil = _count_try(login, at)
    except Refused:
        passwords.match_nothing(password)
        raise
    if not passwords.matches(password, pupil.password):
        raise PupilLocked(_PUPIL_LOCKED) if pupil.locked_at is not None else WrongCredentials(_WRONG)
    pupil = _let_in(pupil, at)
    throttling.give_back(network)
    _refuse_if_closed(pupil.classroom, at)
    return pupil


def _count_try(login: str, at: datetime.datetime) -> PupilAccount:
    """Count the try as a wrong one, which locks where it is the last, and return the pupil as he is then.

    Raises `WrongCredentials` where there is none, and `ClassLocked` and `PupilLocked`, having counted nothing.
    """
    read = words.read_login(login)
    if read is None:
        raise WrongCredentials(_WRONG)
    pupil = _counted(*read, at)
    if pupil is None:
        raise WrongCredentials(_WRONG)
    return pupil


@transaction.atomic
def _counted(word: str, code: str, at: datetime.datetime) -> PupilAccount | None:
    classroom = Classroom.objects.locked().filter(code=code).first()
    if classroom is not None and classroom.locked_at is not None:
        raise ClassLocked(_CLASS_LOCKED)
    pupil = PupilAccount.objects.locked().filter(classroom=classroom, word=word).first() if classroom else None
    if pupil is None:
        try:
            throttling.count([(UNKNOWN, f"{word}-{code}")], at=at)
        except throttling.Throttled:
            raise PupilLocked(_PUPIL_LOCKED) from None
    elif pupil.locked_at is not None:
        raise PupilLocked(_PUPIL_LOCKED)
    if classroom is not None:
        _count(classroom, CLASS_TRIES, at)
    if pupil is not None:
        _count(pupil, PUPIL_TRIES, at)
    return pupil


def _count(one: Classroom | PupilAccount, most: int, at: datetime.datetime) -> None:
    one.failures += 1
    one.locked_at = at if one.failures >= most else None
    one.save(update_fields=["failures", "locked_at"])


@transaction.atomic
def _let_in(pupil: PupilAccount, at: datetime.datetime) -> PupilAccount:
    """Take back what was counted, and return the pupil as he is now. Raises `WrongCredentials`."""
    classroom = Classroom.objects.locked().select_related("seat__subscription__key__source").get(pk=pupil.classroom_id)
    # The same password still: the teacher may have changed it meanwhile, or removed the pupil.
    current = PupilAccount.objects.locked().filter(pk=pupil.pk, password_set_at=pupil.password_set_at).first()
    if current is None:
        raise WrongCredentials(_WRONG)
    classroom.failures, classroom.locked_at = 0, None
    classroom.save(update_fields=["failures", "locked_at"])
    current.failures, current.locked_at, current.last_seen_at = 0, None, at
    current.save(update_fields=["failures", "locked_at", "last_seen_at"])
    current.classroom = classroom
    return current


def _refuse_if_closed(classroom: Classroom, at: datetime.datetime) -> None:
    if classroom.seat.holder_id is None:
        raise ClassClosed(_CLOSED, "no_teacher")
    stop = running.why_not(classroom.seat.subscription.key.source, at)
    if stop is not None:
        raise ClassClosed(_CLOSED, stop.reason)
