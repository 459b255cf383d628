"""What typing a key in « Mon compte » does, for a principal and for a teacher, with guesses counted.

Guessing is hopeless (55 random bits), and still it is stopped: ten wrong keys an hour for an account, thirty for an
address, where whole schools sit behind one. Only keys that are well formed and do not exist count: a typo never
reaches this, and a key that exists gives its try back.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.views.decorators.debug import sensitive_variables

from accounts import throttling
from accounts.models import Profile
from licensing.subscriptions import keys, operations
from licensing.subscriptions.exceptions import MistypedKey, TooManyGuesses, UnknownKey

if TYPE_CHECKING:
    from accounts.models import User
    from licensing.subscriptions.models import Seat, Subscription

HOUR = datetime.timedelta(hours=1)
BY_ACCOUNT = throttling.Limit("key/account", 10, HOUR)
BY_ADDRESS = throttling.Limit("key/address", 30, HOUR)


@sensitive_variables("code", "symbols")
def enter(
    *, code: str, by: User, address: str, at: datetime.datetime, school: str | None = None
) -> Subscription | Seat:
    """Redeem the key for a principal, claim a unit of it for a teacher.

    Raises the `Refused` of whichever it is, `MistypedKey` before anything is counted or looked up, and
    `TooManyGuesses`, which says how long to wait.
    """
    try:
        symbols = keys.parse(code)
    except keys.Typo as typo:
        raise MistypedKey(str(typo)) from None
    subjects = [(BY_ACCOUNT, str(by.pk)), (BY_ADDRESS, throttling.network(address))]
    try:
        # Counted first: requests that arrive together must not all pass before the first one is counted.
        throttling.count(subjects, at=at)
    except throttling.Throttled as throttled:
        raise TooManyGuesses(
            f"Trop de clés inexistantes ont été saisies : patientez {throttling.in_words(throttled.wait)}, puis "
            "réessayez en copiant la clé depuis l'e-mail.",
            throttled.retry_after,
        ) from None
    try:
        if by.profile == Profile.PRINCIPAL:
            return operations.redeem(code=symbols, by=by, at=at, school=school)
        return operations.claim(code=symbols, by=by, at=at)
    except UnknownKey:
        subjects = []
        raise
    finally:
        if subjects:
            throttling.give_back(subjects)
