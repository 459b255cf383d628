"""Batches that come from outside: one item that cannot be taken in is set aside, and the others are taken in."""

import datetime
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import psycopg
from django.db import (
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from core.exceptions import iter_causes
from core.foreign_values import clean_line
from jobs.models import SetAsideItem
from jobs.retention import declare_retention

logger = logging.getLogger(__name__)

#: What says nothing of an item: the database is gone, busy, or made otherwise, or there is no memory left.
_NOT_OF_AN_ITEM = (
    OperationalError,
    InterfaceError,
    InternalError,
    ProgrammingError,
    NotSupportedError,
    MemoryError,
    # The driver's own, which procrastinate wraps in its turn.
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,
    psycopg.ProgrammingError,
    psycopg.NotSupportedError,
)
_MAX_REASON = 500

declare_retention(SetAsideItem, kept_for=datetime.timedelta(days=365), since="found_at")


class RefusedItem[Item](NamedTuple):
    """An item that could not be taken in, and why."""

    item: Item
    error: Exception


def take_each[Item](items: Sequence[Item], take: Callable[[Sequence[Item]], object]) -> list[RefusedItem[Item]]:
    """Have items taken in together, in a savepoint; return those that alone are refused, in order.

    After an error the items are halved until those that cause it stand alone: some fifteen calls for one of 200. What
    `take` returns is ignored: it may have been undone. Raises what says nothing of an item, such as a lost connection.
    """
    # Now: a savepoint that is undone would take the search path back that its first statement sets.
    with connection.cursor() as cursor:
        cursor.execute("SELECT")
    return _take(items, take)


def _take[Item](items: Sequence[Item], take: Callable[[Sequence[Item]], object]) -> list[RefusedItem[Item]]:
    if not items:
        return []
    try:
        with transaction.atomic():
            take(items)
    except Exception as error:  # whatever strangers send; it is named to a person
        if any(isinstance(cause, _NOT_OF_AN_ITEM) for cause in iter_causes(error)):
            raise
        if len(items) == 1:
            logger.exception("An item that came from outside could not be taken in")
            return [RefusedItem(items[0], error)]
    else:
        return []
    middle = len(items) // 2
    return [*_take(items[:middle], take), *_take(items[middle:], take)]


@transaction.atomic
def note_set_aside(*, source: str, reference: object, reason: str, at: datetime.datetime) -> None:
    """Note for the operator that an item was set aside, once however often it comes. `source`, `reason`: in French."""
    item = SetAsideItem(
        source=source, reference=clean_line(reference, 200), reason=clean_line(reason, _MAX_REASON), found_at=at
    )
    SetAsideItem.objects.bulk_create([item], ignore_conflicts=True)


@transaction.atomic
def mark_seen(ids: Sequence[int], *, at: datetime.datetime) -> int:
    """Note that the operator has seen these items; return how many were not before."""
    return SetAsideItem.objects.filter(pk__in=ids, seen_at=None).update(seen_at=at)
