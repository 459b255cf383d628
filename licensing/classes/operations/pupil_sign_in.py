"""Sign a pupil in, with a limit on attempts.

Each attempt is counted as a failure, in its own transaction, before the password is checked, so that concurrent
attempts are all counted. The 10th failure locks the pupil, the 60th the class, until the teacher unlocks them; a
success resets the counters. Unknown logins get the same messages, limits and hashing time as existing ones: logins
cannot be enumerated.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts import throttling
from licensing.classes import licence_status, passwords, words
from licensing.classes.exceptions import ClassClosed, ClassLocked, PupilLocked, TooManyAttempts, WrongCredentials
from licensing.classes.models import Classroom, PupilAccount
from licensing.exceptions import LicensingError

#: Consecutive wrong passwords that lock a pupil, and a class.
MAX_PUPIL_FAILURES = 10
MAX_CLASS_FAILURES = 60
#: High: a school's classes share one IP address, and children mistype.
NETWORK_LIMIT = throttling.RateLimit("pupil/network", 100, datetime.timedelta(minutes=15))
#: Unknown logins lock after as many attempts as existing ones.
UNKNOWN_LOGIN_LIMIT = throttling.RateLimit("pupil/unknown", MAX_PUPIL_FAILURES - 1, datetime.timedelta(days=1))

_WRONG = "Ce n'est pas cela. Regarde bien ta carte, et recommence."
_PUPIL_LOCKED = "Il y a eu trop d'essais. Demande à ton maître ou à ta maîtresse de débloquer ton compte."
_CLASS_LOCKED = "Il y a eu trop d'essais dans ta classe. Demande à ton maître ou à ta maîtresse de la rouvrir."
_CLOSED = "Ta classe est fermée pour le moment. Dis-le à ton maître ou à ta maîtresse."


@sensitive_variables("password")
def sign_in(*, login: str, password: str, address: str, at: datetime.datetime) -> PupilAccount:
    """Return the pupil with this login and password, with their class.

    Raises `WrongCredentials`, `PupilLocked`, `ClassLocked`, `TooManyAttempts`; and, for a correct password only,
    `ClassClosed` where the class is not accessible now. Not one transaction: failures stay counted when it raises.
    """
    network = [(NETWORK_LIMIT, throttling.get_network(address))]
    try:
        throttling.count_attempts(network, at=at)
    except throttling.RateLimitExceeded as throttled:
        raise TooManyAttempts(
            f"Il y a eu trop d'essais ici. Attends {throttling.format_wait(throttled.wait)}, et recommence.",
            throttled.retry_after,
        ) from None
    try:
        pupil = _count_attempt(login, at)
    except LicensingError:
        passwords.verify_dummy(password)
        raise
    if not passwords.verify(password, pupil.password):
        raise PupilLocked(_PUPIL_LOCKED) if pupil.locked_at is not None else WrongCredentials(_WRONG)
    pupil = _reset_failures(pupil, at)
    throttling.refund_attempts(network)
    _check_class_open(pupil.classroom, at)
    return pupil


def _count_attempt(login: str, at: datetime.datetime) -> PupilAccount:
    """Count the attempt as a failure, lock at the limit, and return the updated pupil.

    Raises `WrongCredentials` for an unknown login; `ClassLocked` or `PupilLocked`, without counting.
    """
    parsed = words.parse_login(login)
    if parsed is None:
        raise WrongCredentials(_WRONG)
    pupil = _count_failure(*parsed, at)
    if pupil is None:
        raise WrongCredentials(_WRONG)
    return pupil


@transaction.atomic
def _count_failure(word: str, code: str, at: datetime.datetime) -> PupilAccount | None:
    classroom = Classroom.objects.locked().filter(code=code).first()
    if classroom is not None and classroom.locked_at is not None:
        raise ClassLocked(_CLASS_LOCKED)
    pupil = PupilAccount.objects.locked().filter(classroom=classroom, word=word).first() if classroom else None
    if pupil is None:
        try:
            throttling.count_attempts([(UNKNOWN_LOGIN_LIMIT, f"{word}-{code}")], at=at)
        except throttling.RateLimitExceeded:
            raise PupilLocked(_PUPIL_LOCKED) from None
    elif pupil.locked_at is not None:
        raise PupilLocked(_PUPIL_LOCKED)
    if classroom is not None:
        _increment_failures(classroom, MAX_CLASS_FAILURES, at)
    if pupil is not None:
        _increment_failures(pupil, MAX_PUPIL_FAILURES, at)
    return pupil


def _increment_failures(account: Classroom | PupilAccount, limit: int, at: datetime.datetime) -> None:
    account.failures += 1
    account.locked_at = at if account.failures >= limit else None
    account.save(update_fields=["failures", "locked_at"])


@transaction.atomic
def _reset_failures(pupil: PupilAccount, at: datetime.datetime) -> PupilAccount:
    """Reset the counters, and return the current pupil. Raises `WrongCredentials`."""
    classroom = (
        Classroom.objects.locked().select_related("seat__subscription__key__entitlement").get(pk=pupil.classroom_id)
    )
    # The teacher may have reset the password or removed the pupil meanwhile.
    current = PupilAccount.objects.locked().filter(pk=pupil.pk, password_set_at=pupil.password_set_at).first()
    if current is None:
        raise WrongCredentials(_WRONG)
    classroom.failures, classroom.locked_at = 0, None
    classroom.save(update_fields=["failures", "locked_at"])
    current.failures, current.locked_at, current.last_seen_at = 0, None, at
    current.save(update_fields=["failures", "locked_at", "last_seen_at"])
    current.classroom = classroom
    return current


def _check_class_open(classroom: Classroom, at: datetime.datetime) -> None:
    if classroom.seat.holder_id is None:
        raise ClassClosed(_CLOSED, "no_teacher")
    unavailable = licence_status.check_unusable(classroom.seat.subscription.key.entitlement, at)
    if unavailable is not None:
        raise ClassClosed(_CLOSED, unavailable.reason)
