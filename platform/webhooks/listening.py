"""Whether anybody listens, asked by one query before anything is written: most collectivities have no webhook.

Programs that read events (`GET /events`) listen as well. Their tokens stand in an app above: it registers who they are,
as the outbox lets its kinds be registered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, CharField, Value

from webhooks.models import Endpoint

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from django.db.models import QuerySet

    #: Returns the rows, of whatever model, of those who may read events at that moment.
    Readers = Callable[[datetime.datetime], QuerySet[Any]]

_readers: list[Readers] = []
_NOBODY = 0


class Listeners(NamedTuple):
    """Who listens: endpoints, by number, with the types they ask for (none: all); and whether programs read events."""

    endpoints: dict[int, frozenset[str]]
    are_read: bool

    def __bool__(self) -> bool:
        return bool(self.endpoints) or self.are_read

    def of(self, kind: str) -> list[int]:
        """Return the endpoints that a type of event goes to."""
        return [number for number, types in self.endpoints.items() if not types or kind in types]


def register(readers: Readers) -> None:
    """Say who else reads events: nothing is written where there is neither an endpoint nor one of these."""
    _readers.append(readers)


def listeners(at: datetime.datetime) -> Listeners:
    """Return who listens in the collectivity that is entered; one query."""
    marked = (
        Value(_NOBODY, output_field=BigIntegerField()),
        Value([], output_field=ArrayField(CharField(max_length=30))),
    )
    rows = Endpoint.objects.listening().order_by().values_list("pk", "types")
    found = list(rows.union(*(readers(at).order_by().values_list(*marked)[:1] for readers in _readers), all=True))
    endpoints = {number: frozenset(types) for number, types in sorted(found) if number != _NOBODY}
    return Listeners(endpoints, len(found) > len(endpoints))
