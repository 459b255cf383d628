"""How many codes that do not exist may be typed: keys, and codes by which pupils are received."""

import contextlib
import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from accounts import throttling
from accounts.models import User
from core.exceptions import DomainError, TooManyTries

_HOUR = datetime.timedelta(hours=1)
_TRIES_OF_ACCOUNT, _TRIES_OF_NETWORK = 10, 30


@dataclass(frozen=True, kw_only=True, slots=True)
class GuessLimit:
    """Ten wrong codes an hour per account, thirty per network, as whole schools share an address."""

    scope: str
    #: What says that a code does not exist; nothing else counts.
    failure: type[DomainError]
    refusal: type[TooManyTries]
    #: Formatted with how long to wait.
    sentence: str

    @contextlib.contextmanager
    def count(self, by: User | None, address: str, at: datetime.datetime) -> Iterator[None]:
        """Count the code that is looked up in the block where it does not exist. Raises `refusal`."""
        network = throttling.RateLimit(f"{self.scope}/address", _TRIES_OF_NETWORK, _HOUR)
        counters = [(network, throttling.get_network(address))]
        if by is not None:
            counters.insert(0, (throttling.RateLimit(f"{self.scope}/account", _TRIES_OF_ACCOUNT, _HOUR), str(by.pk)))
        try:
            with throttling.count_failures(counters, failure=self.failure, at=at):
                yield
        except throttling.RateLimitExceeded as throttled:
            wait = throttling.format_wait(throttled.wait)
            raise self.refusal(self.sentence.format(wait), throttled.retry_after) from None
