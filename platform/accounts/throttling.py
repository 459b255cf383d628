"""How often something may be tried, by an account and from a network address.

Counted in the database, by one statement that counts and reads at once: a hundred requests at the same moment are
a hundred tries, whichever process serves them. A cache could be emptied, and would count them all as one.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection
from django.utils.crypto import salted_hmac

from accounts.models import Throttle

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

_TABLE = "public.accounts_throttle"


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries in a window, for each subject of a kind."""

    scope: str
    tries: int
    window: datetime.timedelta


class Throttled(Exception):
    """Too many tries; the sentence says when to try again, `wait` how long that is."""

    def __init__(self, wait: datetime.timedelta) -> None:
        self.wait = wait
        super().__init__(f"Trop d'essais : patientez {in_words(wait)}, puis réessayez.")

    @property
    def retry_after(self) -> int:
        """Seconds, for the `Retry-After` header."""
        return max(1, int(self.wait.total_seconds()))


def in_words(wait: datetime.timedelta) -> str:
    """Return a wait as people say it: « 1 minute », « 25 minutes », « 2 heures », rounded up."""
    minutes = max(1, -(-int(wait.total_seconds()) // 60))
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    hours = -(-minutes // 60)
    return f"{hours} heure{'s' if hours > 1 else ''}"


def network(address: str) -> str:
    """Return what counts as one address: IPv6 gives every household 2⁶⁴ of them, so its first half."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def count(subjects: Sequence[tuple[Limit, str]], *, at: datetime.datetime) -> None:
    """Count one try for each subject. Raises `Throttled` where one of them is over its limit; the try counts too."""
    waits = [tried.reopens_in for tried in tally(subjects, at=at) if tried.is_over]
    if waits:
        raise Throttled(max(waits))


class Tried(NamedTuple):
    """How often one subject has tried in its window, this try included, and for how long the window still lasts."""

    limit: Limit
    tries: int
    reopens_in: datetime.timedelta

    @property
    def is_over(self) -> bool:
        """Whether that is more than is allowed."""
        return self.tries > self.limit.tries


def tally(subjects: Sequence[tuple[Limit, str]], *, at: datetime.datetime) -> list[Tried]:
    """Count one try for each subject, and return where each stands."""
    rows = _rows(subjects)
    values = ", ".join(["(%s, %s, %s, 1)"] * len(rows))
    # A window that has passed is opened anew. Parameters are named by position: their order is the text's.
    windows = " ".join(["WHEN %s THEN make_interval(secs => %s::float8)"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {_TABLE} AS throttle (scope, subject, opened_at, tries) VALUES {values}
            ON CONFLICT (scope, subject) DO UPDATE SET
                tries = CASE WHEN throttle.opened_at + (CASE throttle.scope {windows} END) <= excluded.opened_at
                             THEN 1 ELSE throttle.tries + 1 END,
                opened_at = CASE WHEN throttle.opened_at + (CASE throttle.scope {windows} END) <= excluded.opened_at
                             THEN excluded.opened_at ELSE throttle.opened_at END
            RETURNING scope, tries, opened_at
            """,  # noqa: S608 - the table's name and placeholders
            [
                *(value for limit, subject in rows for value in (limit.scope, subject, at)),
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
        Tried(limit, tries, opened_at + limit.window - at)
        for limit, _ in rows
        for tries, opened_at in [counted[limit.scope]]
    ]


def give_back(subjects: Sequence[tuple[Limit, str]]) -> None:
    """Take back one counted try of each subject: it was no wrong guess."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_TABLE} SET tries = tries - 1 WHERE (scope, subject) IN "  # noqa: S608 - the table's name
            f"({', '.join(['(%s, %s)'] * len(subjects))}) AND tries > 0",
            [value for limit, subject in _rows(subjects) for value in (limit.scope, subject)],
        )


def prune(*, before: datetime.datetime) -> int:
    """Delete the windows that opened before a moment; return how many."""
    deleted, _ = Throttle.objects.filter(opened_at__lt=before).delete()
    return deleted


def _rows(subjects: Sequence[tuple[Limit, str]]) -> list[tuple[Limit, str]]:
    """Hash the subjects, in one order for everybody: two requests that share both cannot deadlock."""
    hashed = [
        (limit, salted_hmac("accounts.throttling", subject, algorithm="sha256").hexdigest())
        for limit, subject in subjects
    ]
    return sorted(hashed, key=lambda row: (row[0].scope, row[1]))
