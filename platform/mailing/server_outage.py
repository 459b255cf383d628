"""Since when our own mail server takes nothing, noted in the public schema by the drains of all outboxes.

What waits for a server is put off, never late: only this note tells those who watch that no e-mail leaves.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

from django.db import connection

from bounces.models import MailServerOutage
from mailing.smtp_replies import UNAVAILABLE_DELAY

#: How long a server takes nothing before somebody is called: a second attempt was in vain, so it is no restart.
CALLED_AFTER = UNAVAILABLE_DELAY + datetime.timedelta(minutes=1)
#: After the last attempt in vain: where nothing is left to send, nobody knows whether the server is back.
_FORGOTTEN_AFTER = 5 * UNAVAILABLE_DELAY

_TABLE = f"public.{MailServerOutage._meta.db_table}"  # noqa: SLF001 - documented
# Later attempts leave the first one's moment, unless it was forgotten.
_NOTE = f"""
INSERT INTO {_TABLE} AS known (id, failing_since, failed_at, failure) VALUES (1, %(since)s, %(at)s, %(failure)s)
ON CONFLICT (id) DO UPDATE SET
    failing_since = CASE
        WHEN known.failed_at < %(forgotten)s THEN excluded.failing_since
        ELSE least(known.failing_since, excluded.failing_since)
    END,
    failed_at = greatest(known.failed_at, excluded.failed_at),
    failure = excluded.failure
"""  # noqa: S608 - the table's own name
_END = f"DELETE FROM {_TABLE} WHERE failing_since <= %s"  # noqa: S608 - the table's own name


class ServerWatch:
    """Notes for one drain whether the server takes its messages."""

    def __init__(self, clock: Callable[[], datetime.datetime]) -> None:
        self._clock = clock
        self._is_answering = False

    def note_failure(self, failure: str, *, since: datetime.datetime) -> None:
        """Note that an attempt, which began at `since`, is in vain or still unanswered. One statement."""
        self._is_answering = False
        at = max(self._clock(), since)
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, {"since": since, "at": at, "failure": failure, "forgotten": at - _FORGOTTEN_AFTER})

    def note_answer(self, *, at: datetime.datetime) -> None:
        """Note that the server took a message, or refused it for good. One statement for several in a row."""
        if self._is_answering:
            return
        with connection.cursor() as cursor:
            cursor.execute(_END, [at])
        self._is_answering = True


def find_outage(at: datetime.datetime) -> MailServerOutage | None:
    """Return that the server takes nothing, with the first attempt in vain; None where it does, or nobody knows."""
    return MailServerOutage.objects.filter(failed_at__gte=at - _FORGOTTEN_AFTER).first()


def is_lasting(outage: MailServerOutage, at: datetime.datetime) -> bool:
    """Return whether somebody is to be called for it."""
    return at - outage.failing_since >= CALLED_AFTER
