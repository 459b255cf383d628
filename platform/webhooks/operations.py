"""Saying that something happened: in the transaction of what happened, and only where somebody listens.

Whatever the number of events: who listens is one query, events and deliveries are one COPY each, and each endpoint gets
one job.
"""

from __future__ import annotations

import datetime
import json
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django_tenants.utils import get_public_schema_name

from jobs.tasks import defer
from web.copying import field, write_lines
from web.numbering import next_numbers
from webhooks.listening import listeners
from webhooks.models import Delivery, DeliveryState, Event, EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from webhooks.listening import Listeners

__all__ = ["DRAIN", "EventType", "Happening", "emit", "write"]

DRAIN = "webhooks.drain"
#: How long a delivery is tried.
TRIED_FOR = datetime.timedelta(days=3)

_EVENTS = ("id", "public_id", "type", "subject", "at", "data")
_DELIVERIES = ("endpoint_id", "event_id", "subject", "state", "attempts", "next_at", "gives_up_at", "reason")


class Happening(NamedTuple):
    """Something that happened. `subject`: what it is about, « allocation:12 »; one subject's events arrive in order.

    `data`: counts and states; never a key, a token, or a teacher's or pupil's name.
    """

    type: EventType
    subject: str
    data: Mapping[str, Any]


def emit(*, events: Iterable[Happening], at: datetime.datetime, told_at: datetime.datetime | None = None) -> int:
    """Tell whoever listens in the collectivity that is entered; return how many events were written.

    Where nobody does, `events` is not even gone through. Nothing is told in the public schema, which is nobody's.
    `told_at`: the moment of telling, where it is later than what happened.
    """
    if connection.schema_name == get_public_schema_name():  # type: ignore[attr-defined]
        return 0
    who = listeners(told_at or at)
    return len(write(events=events, who=who, at=at, told_at=told_at)) if who else 0


@transaction.atomic(savepoint=False)
def write(
    *, events: Iterable[Happening], who: Listeners, at: datetime.datetime, told_at: datetime.datetime | None = None
) -> list[int]:
    """Write what these listeners want to know, and queue a job an endpoint; return the events' numbers."""
    going = {kind.value: who.of(kind) for kind in EventType}
    told = [event for event in events if who.are_read or going[event.type]]
    if not told:
        return []
    numbers = next_numbers(_table(Event), len(told))
    moment, due = at.isoformat(), told_at or at
    _copy(
        _table(Event),
        _EVENTS,
        [
            f"{number}\tevt_{secrets.token_hex(14)}\t{kind}\t{subject}\t{moment}\t"
            f"{field(json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False))}\n"
            for number, (kind, subject, data) in zip(numbers, told, strict=True)
        ],
    )
    same = f"{DeliveryState.PENDING.value}\t0\t{due.isoformat()}\t{(due + TRIED_FOR).isoformat()}\t\n"
    _copy(
        _table(Delivery),
        _DELIVERIES,
        [
            f"{endpoint}\t{number}\t{subject}\t{same}"
            for number, (kind, subject, _) in zip(numbers, told, strict=True)
            for endpoint in going[kind]
        ],
    )
    for endpoint in sorted({endpoint for event in told for endpoint in going[event.type]}):
        queue_drain(endpoint)
    return numbers


def queue_drain(endpoint_id: int) -> None:
    """Have the endpoint told what is due, once this transaction is committed.

    Whatever is queued already: a job that waits at this moment may begin, and look, before our commit.
    """
    defer(DRAIN, schema=connection.schema_name, endpoint_id=endpoint_id)  # type: ignore[attr-defined]


def _table(model: type[Event | Delivery]) -> str:
    return connection.ops.quote_name(model._meta.db_table)  # noqa: SLF001 - Django's documented way to the name


def _copy(table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
    if lines:
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            write_lines(copy, lines)
