"""A pupil signs in with what stands on his card.

Each try is counted, in a transaction of its own, before its password is looked at: a hundred requests at the same
moment are a hundred tries. The tenth wrong one locks the pupil, the sixtieth the class, until the teacher unlocks them;
a right one takes back what was counted. A login that does not exist is answered in the same words, at the same pace.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts import throttling
from licensing.classes import passwords, running, words
from licensing.classes.exceptions import ClassClosed, ClassLocked, PupilLocked, TooManyTries, WrongCredentials
from licensing.classes.models import Classroom, PupilAccount

#: Wrong passwords in a row that lock a pupil, and a class.
PUPIL_TRIES = 10
CLASS_TRIES = 60
#: A school's classes share one address, and its children learn to type.
BY_NETWORK = throttling.Limit("pupil/network", 200, datetime.timedelta(hours=1))
#: A login that does not exist locks as one that does, else the eleventh try would tell them apart.
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
    pupil = _find(login, at)
    if pupil is None:
        passwords.match_nothing(password)
        raise WrongCredentials(_WRONG)
    tried = _count_try(pupil, at)
    if not passwords.matches(password, pupil.password):
        raise PupilLocked(_PUPIL_LOCKED) if tried >= PUPIL_TRIES else WrongCredentials(_WRONG)
    pupil = _let_in(pupil, at)
    throttling.give_back(network)
    _refuse_if_closed(pupil.classroom, at)
    return pupil


def _find(login: str, at: datetime.datetime) -> PupilAccount | None:
    read = words.read_login(login)
    if read is None:
        return None
    word, code = read
    pupil = PupilAccount.objects.select_related("classroom").filter(word=word, classroom__code=code).first()
    if pupil is None:
        try:
            throttling.count([(UNKNOWN, f"{word}-{code}")], at=at)
        except throttling.Throttled:
            raise PupilLocked(_PUPIL_LOCKED) from None
    return pupil


@transaction.atomic
def _count_try(pupil: PupilAccount, at: datetime.datetime) -> int:
    """Count the try as a wrong one, which locks where it is the last; return the pupil's count.

    Raises `PupilLocked`, `ClassLocked`, having counted nothing; `WrongCredentials` where the pupil was removed.
    """
    classroom = Classroom.objects.locked().get(pk=pupil.classroom_id)
    current = PupilAccount.objects.locked().filter(pk=pupil.pk).first()
    if current is None:
        raise WrongCredentials(_WRONG)
    if current.locked_at is not None:
        raise PupilLocked(_PUPIL_LOCKED)
    if classroom.locked_at is not None:
        raise ClassLocked(_CLASS_LOCKED)
    for counted, most in ((classroom, CLASS_TRIES), (current, PUPIL_TRIES)):
        counted.failures += 1
        counted.locked_at = at if counted.failures >= most else None
        counted.save(update_fields=["failures", "locked_at"])
    return current.failures


@transaction.atomic
def _let_in(pupil: PupilAccount, at: datetime.datetime) -> PupilAccount:
    """Take back what was counted, and return the pupil as he is now. Raises `WrongCredentials`."""
    classroom = Classroom.objects.locked().select_related("seat__subscription__key__source").get(pk=pupil.classroom_id)
    # The same password still: a teacher may have changed it meanwhile, or removed the pupil.
    current = PupilAccount.objects.locked().filter(pk=pupil.pk, password=pupil.password).first()
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
