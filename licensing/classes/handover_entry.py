"""A colleague types the code of pupils that are handed over: a look before, then the act; guesses are counted.

Ten codes that do not exist an hour per account, thirty per network; only well-formed ones count, and those of another
school as those that nobody has.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator

from django.views.decorators.debug import sensitive_variables

from accounts import throttling
from accounts.models import User
from licensing.classes import handover_codes
from licensing.classes.exceptions import TooManyHandoverCodes, UnknownHandover
from licensing.classes.operations import handovers
from licensing.classes.operations.handovers import ComingPupils

_HOUR = datetime.timedelta(hours=1)
_ACCOUNT_LIMIT = throttling.RateLimit("handover/account", 10, _HOUR)
_NETWORK_LIMIT = throttling.RateLimit("handover/address", 30, _HOUR)


@sensitive_variables("code", "symbols")
def look_up(*, code: str, classroom_id: int, by: User, address: str, at: datetime.datetime) -> ComingPupils:
    """Return what a code would bring to a class of `by`, and change nothing. Raises as `receive` does."""
    symbols = handover_codes.parse(code)
    with _limit_guesses(by, address, at):
        return handovers.preview(symbols=symbols, classroom_id=classroom_id, by=by, at=at)


@sensitive_variables("code", "symbols")
def receive(*, code: str, classroom_id: int, by: User, address: str, at: datetime.datetime) -> ComingPupils:
    """Receive the pupils in a class of `by`.

    Raises what `operations.receive_pupils` raises, `MistypedHandoverCode` before any count or look-up, and
    `TooManyHandoverCodes`.
    """
    symbols = handover_codes.parse(code)
    with _limit_guesses(by, address, at):
        return handovers.receive_pupils(symbols=symbols, classroom_id=classroom_id, by=by, at=at)


@contextlib.contextmanager
def _limit_guesses(by: User, address: str, at: datetime.datetime) -> Iterator[None]:
    counters = [(_ACCOUNT_LIMIT, str(by.pk)), (_NETWORK_LIMIT, throttling.get_network(address))]
    try:
        with throttling.count_failures(counters, failure=UnknownHandover, at=at):
            yield
    except throttling.RateLimitExceeded as throttled:
        raise TooManyHandoverCodes(
            f"Trop de codes inexistants ont été saisis : patientez {throttling.format_wait(throttled.wait)}, puis "
            "recopiez le code depuis la feuille de votre collègue.",
            throttled.retry_after,
        ) from None
