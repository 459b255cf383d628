"""Key entry in « Mon compte » and on the page of a key, rate-limited against guessing.

Ten wrong keys an hour per account, thirty per network, as whole schools share an address. Only well-formed keys that do
not exist count.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator

from django.views.decorators.debug import sensitive_variables

from accounts import throttling
from accounts.models import Profile, User
from core.cells import get_cells
from licensing.entitlements import key_checks, keys, operations
from licensing.entitlements.exceptions import KeyOfAnotherCell, TooManyGuesses, UnknownKey
from licensing.entitlements.models import ActivationKey, Seat, Subscription
from licensing.entitlements.queries import get_key

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
    symbols = key_checks.parse_code(code)
    with _name_other_cell(code), _limit_guesses(by, address, at):
        if by.profile == Profile.PRINCIPAL:
            return operations.redeem(code=symbols, by=by, at=at, school=school)
        return operations.claim(code=symbols, by=by, at=at)


@sensitive_variables("code", "symbols")
def look_up(*, code: str, by: User | None, address: str, at: datetime.datetime) -> ActivationKey:
    """Return the key that a visitor typed or whose link they opened, for a page that changes nothing.

    `by`: None for whoever is not signed in. Raises `UnknownKey`, `MistypedKey` before any count or look-up, and
    `TooManyGuesses`.
    """
    symbols = key_checks.parse_code(code)
    with _name_other_cell(code), _limit_guesses(by, address, at):
        key = get_key(symbols)
        if key is None:
            raise key_checks.unknown_key_error(by)
        return key


@contextlib.contextmanager
@sensitive_variables("code")
def _name_other_cell(code: str) -> Iterator[None]:
    """Say of a key that does not exist here in which cell it is, as its prefix says. Raises `KeyOfAnotherCell`."""
    try:
        yield
    except UnknownKey:
        cell = get_cells().find_other_by_key_prefix(keys.get_prefix(code))
        if cell is None:
            raise
        sentence = f"Cette clé n'existe pas ici : elle vient du site « {cell.name} », où elle s'active."
        raise KeyOfAnotherCell(sentence, cell) from None


@contextlib.contextmanager
def _limit_guesses(by: User | None, address: str, at: datetime.datetime) -> Iterator[None]:
    """Count the key that is looked up in the block where it does not exist. Raises `TooManyGuesses`."""
    counters = [(_NETWORK_LIMIT, throttling.get_network(address))]
    if by is not None:
        counters.insert(0, (_ACCOUNT_LIMIT, str(by.pk)))
    try:
        with throttling.count_failures(counters, failure=UnknownKey, at=at):
            yield
    except throttling.RateLimitExceeded as throttled:
        raise TooManyGuesses(
            f"Trop de clés inexistantes ont été saisies : patientez {throttling.format_wait(throttled.wait)}, puis "
            "réessayez en copiant la clé depuis l'e-mail.",
            throttled.retry_after,
        ) from None
