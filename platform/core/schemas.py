"""Queries on a table that stands in many schemas, for the machinery that does not know the tenants."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Any

from django.db import connection
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Schemas per UNION ALL statement, which locks the tables and indexes of each of them.
_SCHEMAS_PER_QUERY = 100


def list_schemas_with(table: str) -> list[str]:
    """Return the names of the schemas that hold this table, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = %s AND c.relkind = 'r' ORDER BY 1",
            [table],
        )
        return [name for (name,) in cursor.fetchall()]


def query_schemas_with(table: str, query: sql.SQL, **values: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a SELECT in each schema that holds `table`.

    In `query`, `{name}` is the schema's name as a text, `{schema}` as a prefix of tables; the others are `values`.
    """
    literals = {key: sql.Literal(value) for key, value in values.items()}
    for schemas in batched(list_schemas_with(table), _SCHEMAS_PER_QUERY):
        statements = [
            query.format(name=sql.Literal(schema), schema=sql.Identifier(schema), **literals) for schema in schemas
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(" UNION ALL ").join(statements))
            yield from cursor.fetchall()
