"""Delays between attempts at a second factor's codes: at sign-in, at a confirmation, and when an application is added.

The application's codes and the recovery codes are counted apart: whoever tries the ones does not close the others. A
known device is one that has passed the second factor, which a new password does not change; so whoever has the
password and the mailbox gets no new budget by choosing another password.

The bound, by `HALF_HOUR` as the longest wait and as the time in which one failure is forgotten: however many networks
try an account, 20 codes at once and then 48 a day, 17,520 a year. Three of a million codes are right at a time: one
year finds the code with a probability of 5 %, and the mean is 19 years. The same again, on its own, for whoever sits
at a known network of the account, or has a known device's cookie. Ten recovery codes of a hundred million: 1 in 570
a year. One network alone reaches 14 failures (5, then 9 while the wait doubles from 5 s to half an hour), never the
20 that would have the owner wait elsewhere.
"""

from __future__ import annotations

import datetime

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings as mfa_settings

from accounts import attempt_delays, email_kinds, sign_in_delays
from accounts.attempt_delays import CountedAttempt, DelayRule
from accounts.known_origins import Origin
from accounts.models import User
from accounts.outbox import queue_email_to_user
from accounts.sign_in_delays import OriginDelays

_SECONDS = datetime.timedelta(seconds=1)
HALF_HOUR = datetime.timedelta(minutes=30)


def _build_delays(scope: str) -> OriginDelays:
    return OriginDelays(
        at_device=DelayRule(f"{scope}/device", 10, HALF_HOUR, first=5 * _SECONDS, longest=HALF_HOUR),
        at_network=DelayRule(f"{scope}/here", 5, HALF_HOUR, first=5 * _SECONDS, longest=HALF_HOUR),
        of_account=DelayRule(f"{scope}/account", 20, HALF_HOUR, first=5 * _SECONDS, longest=HALF_HOUR),
        of_network=DelayRule(f"{scope}/network", 200, 15 * _SECONDS, first=_SECONDS, longest=60 * _SECONDS),
        by_second_factor=True,
    )


APPLICATION_CODES = _build_delays("code")
RECOVERY_CODES = _build_delays("recovery")
#: Nobody waits for it. Three failures on unknown devices, that no success followed, are told to the owner; again after
#: a week without any, or when the password is a new one.
TRIED_ELSEWHERE = DelayRule("code/told", 3, datetime.timedelta(days=7))
#: The server's code has 69 bits and an hour: a wait for whoever mistypes it, on their own device or network.
_ENROLMENT = DelayRule("enrolment/here", 10, HALF_HOUR, first=5 * _SECONDS, longest=HALF_HOUR)


def begin_code(origin: Origin, user: User, code: str) -> CountedAttempt:
    """Count an attempt at a code of the account. Raises `attempt_delays.AttemptTooEarly`."""
    # As allauth compares them: a text of another length equals no code of the application.
    is_of_application = len(normalize_user_code(code)) == mfa_settings.TOTP_DIGITS
    owner = sign_in_delays.get_owner(user)
    return (APPLICATION_CODES if is_of_application else RECOVERY_CODES).begin(
        origin,
        str(user.pk),
        owner,
        elsewhere=[(TRIED_ELSEWHERE, f"{user.pk}\n{owner.version}")],
    )


def notify_of_refusal(attempt: CountedAttempt, user: User, *, host: str, at: datetime.datetime) -> None:
    """Tell the owner, once an episode, that somebody with the password tries codes on an unknown device."""
    if attempt.has_just_reached(TRIED_ELSEWHERE):
        queue_email_to_user(user, email_kinds.CODES_TRIED, host=host, at=at)


def begin_enrolment(origin: Origin, user: User) -> CountedAttempt:
    """Count an attempt at the server's code. Raises `attempt_delays.AttemptTooEarly`.

    By device, else by network: a stranger who is signed in with the password keeps nobody out.
    """
    return attempt_delays.begin([(_ENROLMENT, f"{user.pk}\n{origin.device or origin.network}")])
