"""How many requests a school and a teacher make, so that nobody keeps an office or a principal busy."""

from __future__ import annotations

import datetime

from accounts import throttling
from licensing.requests.exceptions import TooManyLicenceRequests

_DAY = datetime.timedelta(days=1)
PER_SCHOOL = throttling.RateLimit("request/school", 5, _DAY)
PER_TEACHER = throttling.RateLimit("request/teacher", 5, _DAY)


def count_request(limit: throttling.RateLimit, subject: str, *, at: datetime.datetime) -> None:
    """Count a request in the caller's transaction. Raises `TooManyLicenceRequests`."""
    try:
        throttling.count_attempts([(limit, subject)], at=at)
    except throttling.RateLimitExceeded as throttled:
        raise TooManyLicenceRequests(
            f"Trop de demandes aujourd’hui : patientez {throttling.format_wait(throttled.wait)}, puis recommencez."
        ) from None
