"""Sign a pupil in, with growing delays between attempts.

Each attempt is counted as a failure before the password is checked, so that concurrent attempts are all counted; a
success takes back the failures before it. A login, and a class code, that does not exist is counted, delayed, hashed
and answered as one that does: neither can be enumerated. No number of attempts closes a class; many are told to its
teachers. The numbers are reckoned in docs/decisions/0097.
"""

from __future__ import annotations

import datetime
from typing import NamedTuple

from django.db import transaction
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import get_public_schema_name

from accounts import attempt_delays, known_origins
from accounts.attempt_delays import CountedAttempt, DelayRule
from accounts.known_origins import NOBODY, Origin, Owner
from accounts.models import KnownOrigin
from core.formatting import pluralize
from jobs.tasks import defer
from licensing.classes import licence_status, passwords, words
from licensing.classes.exceptions import ClassClosed, TooManyAttempts, WrongCredentials
from licensing.classes.models import Classroom, PupilAccount

_SECONDS = datetime.timedelta(seconds=1)
_MINUTE = datetime.timedelta(minutes=1)
AT_DEVICE = DelayRule("pupil/device", 10, _MINUTE, first=5 * _SECONDS, longest=_MINUTE)
AT_NETWORK = DelayRule("pupil/here", 5, _MINUTE, first=5 * _SECONDS, longest=_MINUTE)
OF_PUPIL = DelayRule("pupil/account", 20, _MINUTE, first=5 * _SECONDS, longest=_MINUTE)
#: High: ten classes of beginners share their school's address, and a town's schools the town's.
OF_NETWORK = DelayRule("pupil/network", 1_000, 15 * _SECONDS, first=_SECONDS, longest=_MINUTE)
#: Nobody waits for it: sixty failures in a day, that no success followed, are told to the teachers.
OF_CLASS = DelayRule("pupil/class", 60, 24 * _MINUTE)

_WRONG = "Ce n’est pas cela. Regarde bien ta carte : l’animal, le mot, le nombre, puis les trois mots du mot de passe."
_OLD_CARD = (
    "Si tu as bien recopié ta carte, demande à ta maîtresse ou à ton maître : ta carte est peut-être trop vieille."
)
#: Failures with one login, at one place, after which the card itself may be wrong.
_OLD_CARD_AFTER = 3
_CLOSED = "Ta classe est fermée pour le moment. Dis-le à ton maître ou à ta maîtresse."


class PupilSignIn(NamedTuple):
    """A pupil who has signed in, with their class, and the token of the device from which they did."""

    pupil: PupilAccount
    device: str


class _TypedLogin(NamedTuple):
    """A login as it was typed, and what exists of it; `code` is empty where the text cannot be a login.

    `classroom`: where the pupil is now; without a pupil, the class that has the code.
    """

    text: str
    code: str
    classroom: Classroom | None
    pupil: PupilAccount | None


@sensitive_variables("password")
def sign_in(*, login: str, password: str, origin: Origin, at: datetime.datetime) -> PupilSignIn:
    """Return the pupil with this login and password, with their class.

    Raises `WrongCredentials`, `TooManyAttempts`; and, for a correct password only, `ClassClosed` where the class is not
    accessible now. Not one transaction: failures stay counted when it raises.
    """
    typed = _find(login)
    attempt = _begin_attempt(typed, origin)
    if attempt.has_just_reached(OF_CLASS):
        # Whether or not a class has the code: the job looks, as the answer must take as long.
        defer("classes.note_tries", schema=get_public_schema_name(), code=typed.code, tried_at=at.isoformat())
    # Of what was counted, which is the same whether or not the login exists.
    wrong = f"{_WRONG} {_OLD_CARD}" if attempt.own_failures >= _OLD_CARD_AFTER else _WRONG
    if typed.pupil is None:
        passwords.verify_dummy(password)
        raise WrongCredentials(wrong)
    if not passwords.verify(password, typed.pupil.password):
        raise WrongCredentials(wrong)
    pupil = _record_sign_in(typed.pupil, at)
    attempt.take_back()
    _check_class_open(pupil.classroom, at)
    known = known_origins.remember(
        origin, device_of=get_device_owner(pupil), network_of=_get_network_owner(pupil.classroom)
    )
    return PupilSignIn(pupil, known.device)


def get_device_owner(pupil: PupilAccount) -> Owner:
    """Return the pupil as the owner of known devices, which a new password makes unknown."""
    return Owner(f"pupil:{pupil.pk}", pupil.password_set_at.isoformat())


def _get_network_owner(classroom: Classroom) -> Owner:
    return Owner(f"class:{classroom.pk}")


def _find(login: str) -> _TypedLogin:
    """Return what exists of a login: two queries, whatever was typed."""
    parsed = words.parse_login(login)
    word, code = parsed or ("", "")
    classroom = Classroom.objects.filter(code=code).first()
    pupil = PupilAccount.objects.filter(code=code, word=word).select_related("classroom").first()
    text = "-".join(parsed) if parsed else words.normalize_password(login)
    return _TypedLogin(text, code, pupil.classroom if pupil else classroom, pupil)


def _begin_attempt(typed: _TypedLogin, origin: Origin) -> CountedAttempt:
    known = known_origins.find_known(
        origin,
        device_of=get_device_owner(typed.pupil) if typed.pupil else NOBODY,
        network_of=_get_network_owner(typed.classroom) if typed.classroom else NOBODY,
    )
    subjects = [(AT_NETWORK, f"{origin.network}\n{typed.text}")]
    if KnownOrigin.Kind.DEVICE in known:
        subjects = [(AT_DEVICE, f"{origin.device}\n{typed.text}")]
    elif KnownOrigin.Kind.NETWORK not in known:
        subjects += [(OF_PUPIL, typed.text), (OF_NETWORK, origin.network)]
    if typed.code:
        subjects.append((OF_CLASS, typed.code))
    try:
        return attempt_delays.begin(subjects)
    except attempt_delays.AttemptTooEarly as refusal:
        seconds = refusal.retry_after
        raise TooManyAttempts(f"Attends {pluralize(seconds, 'seconde')}, puis essaie encore.", seconds) from None


@transaction.atomic
def _record_sign_in(pupil: PupilAccount, at: datetime.datetime) -> PupilAccount:
    """Record the sign-in, and return the current pupil with their class. Raises `WrongCredentials`."""
    # The teacher may have reset the password or removed the pupil meanwhile.
    unchanged = PupilAccount.objects.filter(pk=pupil.pk, password_set_at=pupil.password_set_at)
    if not unchanged.update(last_seen_at=at):
        raise WrongCredentials(_WRONG)
    return unchanged.select_related("classroom__seat__subscription__key__entitlement").get()


def _check_class_open(classroom: Classroom, at: datetime.datetime) -> None:
    if classroom.seat.holder_id is None:
        raise ClassClosed(_CLOSED, "no_teacher")
    unavailable = licence_status.check_unusable(classroom.seat.subscription.key.entitlement, at)
    if unavailable is not None:
        raise ClassClosed(_CLOSED, unavailable.reason)
