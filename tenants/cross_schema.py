"""Run one query in every collectivity's schema, by a handful of statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from tenants.models import Collectivity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Schemas per statement; the query plan grows with their number.
CHUNK_SIZE = 100


class SchemaRow(NamedTuple):
    """A result row and its collectivity."""

    collectivity: Collectivity
    values: tuple[Any, ...]


def query_all(query: str, params: Sequence[Any] = ()) -> Iterator[SchemaRow]:
    """Yield the rows of a query in each schema, ordered by collectivity.

    `query` is one SELECT whose table names are prefixed with `{schema}.`; `params` are for one schema.
    """
    collectivities = list(Collectivity.objects.order_by("name", "pk"))
    for start in range(0, len(collectivities), CHUNK_SIZE):
        chunk = collectivities[start : start + CHUNK_SIZE]
        queries = (query.format(schema=connection.ops.quote_name(each.schema_name)) for each in chunk)
        union = " UNION ALL ".join(
            f"SELECT {number}, answer.* FROM ({query}) answer"  # noqa: S608 - our own names
            for number, query in enumerate(queries)
        )
        with connection.cursor() as cursor:
            cursor.execute(f"{union} ORDER BY 1", [*params] * len(chunk))
            for number, *values in cursor.fetchall():
                yield SchemaRow(chunk[number], tuple(values))
