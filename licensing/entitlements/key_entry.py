"""Key entry in « Mon compte », rate-limited against guessing.

Ten wrong keys an hour per account, thirty per network, as whole schools share an address. Only well-formed keys that do
not exist count.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.views.decorators.debug import sensitive_variables

from accounts import throttling
from accounts.models import Profile
from licensing.entitlements import keys, operations
from licensing.entitlements.exceptions import MistypedKey, TooManyGuesses, UnknownKey

if TYPE_CHECKING:
    from accounts.models import User
    from licensing.entitlements.models import Seat, Subscription

_HOUR = datetime.timedelta(hours=1)
_ACCOUNT_LIMIT = throttling.RateLimit("key/account", 10, _HOUR)
_NETWORK_LIMIT = throttling.RateLimit("key/address", 30, _HOUR)


@sensitive_variables("code", "symbols")
def enter_key(
    *, code: str, by: User, address: str, at: datetime.datetime, school: str | None = None
) -> Subscription | Seat:
    """Redeem the key for a principal, or claim a seat of it for a teacher.

    Raises what these operations raise, `MistypedKey` before any count or look-up, and `TooManyGuesses`.
    """
    try:
        symbols = keys.parse(code)
    except keys.InvalidKey as typo:
        raise MistypedKey(str(typo)) from None
    counters = [(_ACCOUNT_LIMIT, str(by.pk)), (_NETWORK_LIMIT, throttling.get_network(address))]
    try:
        # Counted first, so that concurrent requests cannot all pass before the first is counted.
        throttling.count_attempts(counters, at=at)
    except throttling.RateLimitExceeded as throttled:
        raise TooManyGuesses(
            f"Trop de clés inexistantes ont été saisies : patientez {throttling.format_wait(throttled.wait)}, puis "
            "réessayez en copiant la clé depuis l'e-mail.",
            throttled.retry_after,
        ) from None
    try:
        if by.profile == Profile.PRINCIPAL:
            return operations.redeem(code=symbols, by=by, at=at, school=school)
        return operations.claim(code=symbols, by=by, at=at)
    except UnknownKey:
        counters = []
        raise
    finally:
        if counters:
            throttling.refund_attempts(counters)
