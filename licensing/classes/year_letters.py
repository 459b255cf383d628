"""One letter a person, on the first working day of September: what of Pep's ended, and what continues.

Whoever held a licence of the year that ended, or leads a school that had one. Chosen by one statement for 500 people,
whatever the collectivities; a row a person and year makes it once, however many workers run this.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import connection, transaction
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import User
from core.calendar import PARIS, date_in_paris, extend_to_working_day
from mailing.operations import NewMessage, enqueue_many

YEAR_ENDED = "class.year_ended"

_SEPTEMBER = 9
_HOUR = 8
#: People per transaction.
BATCH_SIZE = 500

# Those who are written to already are left out first, so that each batch finds others.
_CHOOSE_SQL = """
WITH ended AS (
    SELECT subscription.id, subscription.principal_id, subscription.school_id
    FROM entitlements_entitlement AS entitlement
    JOIN entitlements_activationkey AS key ON key.entitlement_id = entitlement.id
    JOIN entitlements_subscription AS subscription ON subscription.key_id = key.id
    WHERE entitlement.last_day > %(before)s AND entitlement.last_day <= %(last)s AND entitlement.cancelled_at IS NULL
), concerned AS (
    SELECT seat.holder_id AS id FROM ended
    JOIN entitlements_seat AS seat ON seat.subscription_id = ended.id AND seat.holder_id IS NOT NULL
    UNION
    SELECT ended.principal_id FROM ended
    WHERE ended.school_id IS NULL OR EXISTS (
        SELECT FROM schools_affiliation AS own
        WHERE own.user_id = ended.principal_id AND own.school_id = ended.school_id
    )
    UNION
    SELECT leads.user_id FROM ended
    JOIN schools_affiliation AS leads ON leads.school_id = ended.school_id AND leads.verified_at IS NOT NULL
)
INSERT INTO classes_yearletter (user_id, school_year, created_at)
SELECT person.id, %(year)s, %(at)s
FROM concerned
JOIN accounts_user AS person ON person.id = concerned.id AND person.is_active AND person.email <> ''
WHERE NOT EXISTS (
    SELECT FROM classes_yearletter AS written WHERE written.user_id = person.id AND written.school_year = %(year)s
)
ORDER BY person.id
LIMIT %(limit)s
ON CONFLICT (user_id, school_year) DO NOTHING
RETURNING user_id
"""


def find_writing_time(at: datetime.datetime) -> datetime.datetime | None:
    """Return when letters that are queued now leave: in September, on a working day, from eight o'clock; else None."""
    day = date_in_paris(at)
    if day.month != _SEPTEMBER or extend_to_working_day(day) != day:
        return None
    return max(at, datetime.datetime.combine(day, datetime.time(_HOUR), tzinfo=PARIS))


def write_year_letters(*, at: datetime.datetime) -> int:
    """Queue the letters that are still to be written this September; return how many. Idempotent."""
    total = 0
    while queued := write_batch(at=at):
        total += queued
    return total


@transaction.atomic
def write_batch(*, at: datetime.datetime) -> int:
    """Queue the letters of up to `BATCH_SIZE` people, and return how many; 0 outside of their days."""
    due_at = find_writing_time(at)
    if due_at is None:
        return 0
    year = date_in_paris(at).year
    chosen = User.objects.in_bulk(_choose(year, at))
    with schema_context(get_public_schema_name()):
        return enqueue_many(
            [
                NewMessage(kind=YEAR_ENDED, recipient=person.email, context={"user": person.pk, "year": year})
                for person in chosen.values()
            ],
            at=at,
            due_at=due_at,
        )


def _choose(year: int, at: datetime.datetime) -> Sequence[int]:
    """Record and return the people who have not been written to about the school year that ended."""
    before, last = (datetime.date(one, 8, 31) for one in (year - 1, year))
    with connection.cursor() as cursor:
        cursor.execute(_CHOOSE_SQL, {"before": before, "last": last, "year": year, "at": at, "limit": BATCH_SIZE})
        return [number for (number,) in cursor.fetchall()]
