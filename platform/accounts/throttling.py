"""Rate limits, counted in the database: the rules for codes, sign-ups, e-mails and downloads.

Fixed windows, counted in the database by one statement that increments and reads: concurrent requests are all
counted, in every process. A cache could be evicted, and loses concurrent increments.
"""

import contextlib
import datetime
import functools
import ipaddress
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import Throttle

_TABLE = "public.accounts_throttle"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Maximum number of attempts in a window, for each subject of a scope."""

    scope: str
    tries: int
    window: datetime.timedelta


class RateLimitExceeded(Exception):
    """Too many attempts; the message says when to try again, `wait` how long that is."""

    def __init__(self, wait: datetime.timedelta) -> None:
        self.wait = wait
        super().__init__(f"Trop d'essais : patientez {format_wait(wait)}, puis réessayez.")

    @property
    def retry_after(self) -> int:
        """Seconds, for the `Retry-After` header."""
        return max(1, int(self.wait.total_seconds()))


def format_wait(wait: datetime.timedelta) -> str:
    """Return a wait in French, rounded up: « 1 minute », « 25 minutes », « 2 heures »."""
    minutes = max(1, -(-int(wait.total_seconds()) // 60))
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    hours = -(-minutes // 60)
    return f"{hours} heure{'s' if hours > 1 else ''}"


def get_network(address: str) -> str:
    """Return the network that counts as one client: an IPv4 address, or an IPv6 /64 prefix."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def count_attempts(subjects: Sequence[tuple[RateLimit, str]], *, at: datetime.datetime, tries: int = 1) -> None:
    """Count attempts for each subject, one by default. Raises `RateLimitExceeded` where one is over its limit.

    The refusal has a line of the log, which names nobody: the number of its request does.
    """
    over = [counter for counter in increment_counters(subjects, at=at, tries=tries) if counter.is_over]
    if over:
        _logger.warning("Refused beyond the limit of %s", ", ".join(counter.limit.scope for counter in over))
        raise RateLimitExceeded(max(counter.resets_in for counter in over))


class AttemptCounter(NamedTuple):
    """A subject's attempts in its window, including the current one, and the time until the window ends."""

    limit: RateLimit
    tries: int
    resets_in: datetime.timedelta

    @property
    def is_over(self) -> bool:
        """Whether the limit is exceeded."""
        return self.tries > self.limit.tries


def increment_counters(
    subjects: Sequence[tuple[RateLimit, str]], *, at: datetime.datetime, tries: int = 1
) -> list[AttemptCounter]:
    """Count attempts for each subject, one by default, and return their counters."""
    rows = _hash_subjects(subjects)
    values = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
    # An expired window is reset. Parameters are positional, in the order of the statement.
    windows = " ".join(["WHEN %s THEN make_interval(secs => %s::float8)"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {_TABLE} AS throttle (scope, subject, opened_at, tries) VALUES {values}
            ON CONFLICT (scope, subject) DO UPDATE SET
                tries = CASE WHEN throttle.opened_at + (CASE throttle.scope {windows} END) <= excluded.opened_at
                             THEN excluded.tries ELSE throttle.tries + excluded.tries END,
                opened_at = CASE WHEN throttle.opened_at + (CASE throttle.scope {windows} END) <= excluded.opened_at
                             THEN excluded.opened_at ELSE throttle.opened_at END
            RETURNING scope, tries, opened_at
            """,  # noqa: S608 - the table's name and placeholders
            [
                *(value for limit, subject in rows for value in (limit.scope, subject, at, tries)),
                *(
                    value
                    for _ in range(2)
                    for limit, _ in rows
                    for value in (limit.scope, str(limit.window.total_seconds()))
                ),
            ],
        )
        counted = {scope: (tries, opened_at) for scope, tries, opened_at in cursor.fetchall()}
    return [
        AttemptCounter(limit, tries, opened_at + limit.window - at)
        for limit, _ in rows
        for tries, opened_at in [counted[limit.scope]]
    ]


def read_counters(subjects: Sequence[tuple[RateLimit, str]], *, at: datetime.datetime) -> list[AttemptCounter]:
    """Return the counters of the subjects that have made attempts in their window. Locks and writes nothing."""
    rows = _hash_subjects(subjects)
    limits = {limit.scope: limit for limit, _ in rows}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT scope, tries, opened_at FROM {_TABLE} WHERE (scope, subject) IN "  # noqa: S608 - the table's name
            f"({', '.join(['(%s, %s)'] * len(rows))}) AND tries > 0",
            [value for limit, subject in rows for value in (limit.scope, subject)],
        )
        counters = [
            AttemptCounter(limits[scope], tries, opened_at + limits[scope].window - at)
            for scope, tries, opened_at in cursor.fetchall()
        ]
    return [counter for counter in counters if counter.resets_in > datetime.timedelta()]


def refund_attempts(subjects: Sequence[tuple[RateLimit, str]]) -> None:
    """Decrement the counter of each subject, after a successful attempt."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_TABLE} SET tries = tries - 1 WHERE (scope, subject) IN "  # noqa: S608 - the table's name
            f"({', '.join(['(%s, %s)'] * len(subjects))}) AND tries > 0",
            [value for limit, subject in _hash_subjects(subjects) for value in (limit.scope, subject)],
        )


@contextlib.contextmanager
def count_failures(
    subjects: Sequence[tuple[RateLimit, str]], *, failure: type[Exception], at: datetime.datetime
) -> Iterator[None]:
    """Count the block as an attempt of each subject where it raises `failure`; others cost nothing.

    Raises `RateLimitExceeded`, before the block is run, where a subject is over its limit. Of requests at once, no more
    are told that they failed than the limit says; until one has failed, they may all be run.
    """
    counters = read_counters(subjects, at=at)
    # After a failure counted first, so that concurrent requests cannot all pass before the first is counted.
    is_counted = any(counter.tries for counter in counters)
    if is_counted:
        count_attempts(subjects, at=at)
    try:
        yield
    except failure:
        if not is_counted:
            count_attempts(subjects, at=at)
        is_counted = False
        raise
    finally:
        if is_counted:
            refund_attempts(subjects)


def prune(*, before: datetime.datetime) -> int:
    """Delete the windows that started before a moment; return how many."""
    deleted, _ = Throttle.objects.filter(opened_at__lt=before).delete()
    return deleted


def _hash_subjects(subjects: Sequence[tuple[RateLimit, str]]) -> list[tuple[RateLimit, str]]:
    """Hash the subjects and sort them: a common lock order prevents deadlocks between requests."""
    hashed = [
        (limit, salted_hmac("accounts.throttling", subject, algorithm="sha256").hexdigest())
        for limit, subject in subjects
    ]
    return sorted(hashed, key=lambda row: (row[0].scope, row[1]))


HOUR = datetime.timedelta(hours=1)
# Each code works once. Longer than the 90 s during which a code is valid.
SINGLE_USE_CODE = RateLimit("second-factor/code", 1, datetime.timedelta(minutes=3))
# High: a school's staff may sign up together from one network.
SIGN_UP_BY_NETWORK = RateLimit("sign-up/network", 60, HOUR)
RESET_BY_NETWORK = RateLimit("reset/network", 30, HOUR)
# Beyond it no e-mail is sent and the page answers as usual: a mailbox must not be flooded.
RESET_BY_EMAIL = RateLimit("reset/email", 5, HOUR)
# To a mailbox whose owner may have asked for nothing. Beyond it no e-mail is sent and the page answers as usual.
CONFIRMATION_BY_EMAIL = RateLimit("confirmation/email", 3, HOUR)
# E-mails to an account's new address, whose owner may not have asked for them.
NEW_ADDRESS = RateLimit("new-address", 5, HOUR)


#: Each takes up to some ten seconds of a web process.
DOWNLOADS = RateLimit("downloads", 30, datetime.timedelta(minutes=15))


def limit_downloads[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Decorate a view of signed-in people that makes a file: beyond `DOWNLOADS` it answers with a page, status 429."""

    @functools.wraps(view)
    def limited(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request: Any = args[0]
        try:
            count_attempts([(DOWNLOADS, str(request.user.pk))], at=timezone.now())
        except RateLimitExceeded as throttled:
            response = render(
                request,
                "accounts/too_many_downloads.html",
                {"tries": DOWNLOADS.tries, "wait": format_wait(throttled.wait)},
                status=429,
            )
            response["Retry-After"] = str(throttled.retry_after)
            return response
        return view(*args, **kwargs)

    return limited
