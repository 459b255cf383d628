"""At most one reminder a week to a school, whatever it is about and whoever writes: weeks are claimed in public.

Claimed in the transaction that queues the letter: whoever comes second waits for its end, and then does not write.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection

from core.calendar import date_in_paris
from core.tenant_connection import connection
from schools.models import WrittenWeek

_TABLE = f"public.{WrittenWeek._meta.db_table}"  # noqa: SLF001 - documented
# In the order of the schools: two collectivities that write to the same ones wait, and never for each other.
_CLAIM = f"""
INSERT INTO {_TABLE} (school_id, week, schema, written_at)
SELECT uai, %s, %s, %s FROM unnest(%s::text[]) AS uai ORDER BY uai
ON CONFLICT (school_id, week) DO NOTHING RETURNING school_id
"""  # noqa: S608 - the table's own name


def get_week(day: datetime.date) -> datetime.date:
    """Return the Monday of the ISO week of a day."""
    return day - datetime.timedelta(days=day.weekday())


def claim_weeks(uais: Collection[str], *, at: datetime.datetime) -> set[str]:
    """Claim the week of a moment for these schools, for the current schema; return those that had no reminder in it.

    Lock order: after keys and seats, before due work.
    """
    week = get_week(date_in_paris(at))
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [week, connection.schema_name, at, sorted(set(uais))])
        return {uai for (uai,) in cursor.fetchall()}


def claim_week(uai: str, *, at: datetime.datetime) -> bool:
    """Claim the week of a moment for a school; return whether it had no reminder in it."""
    return bool(claim_weeks([uai], at=at))


def find_written(uais: Collection[str], *, at: datetime.datetime) -> dict[str, datetime.datetime]:
    """Return by UAI when those of the schools got a reminder that got one in the week of a moment."""
    weeks = WrittenWeek.objects.filter(school_id__in=list(uais), week=get_week(date_in_paris(at)))
    return dict(weeks.values_list("school_id", "written_at"))
