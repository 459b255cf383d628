"""Queries on a table that stands in many schemas, and rows of the public one for statements on an office's tables.

A schema that cannot be read (dropped, a table renamed, a privilege missing) is left out and named: it stops nobody.
"""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, NamedTuple

from django.db import InternalError, ProgrammingError, transaction
from psycopg import sql

from core.connections import connection

# Rows of the public schema that a statement on an office's tables is given, instead of naming their tables.
#
# The public schema and an office's may lie on two nodes: no statement names a table of both (docs/decisions/0156). What
# an office's statement needs of the other is read first, and passed as arrays, of which it makes a table again.


@dataclass(frozen=True, slots=True)
class PublicRows:
    """A query of the public schema, whose rows other statements read under a name."""

    name: str
    #: The columns of the query, in order, with their types in SQL.
    columns: Mapping[str, str]
    #: May ask for `%(schema)s`, the office's, beside the parameters of `read`.
    query: str

    @property
    def cte(self) -> str:
        """What stands in the WITH of a statement that reads these rows and has the parameters of `read`."""
        arrays = ", ".join(f"%({self.name}_{column})s::{kind}[]" for column, kind in self.columns.items())
        return f"{self.name} ({', '.join(self.columns)}) AS (SELECT * FROM unnest({arrays}))"  # noqa: S608 - names of our own

    def read(self, parameters: Mapping[str, Any] | None = None) -> dict[str, str | None]:
        """Return the rows as parameters for `cte`. One query, in the public schema's tables alone.

        Arrays in PostgreSQL's own spelling, which nobody parses here: 20,000 rows become no objects.
        """
        arrays = ", ".join(f"array_agg({column})::text" for column in self.columns)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {arrays} FROM ({self.query}) AS listed ({', '.join(self.columns)})",  # noqa: S608 - our own queries
                {"schema": connection.schema_name, **(parameters or {})},
            )
            row = cursor.fetchone() or ()
        return {f"{self.name}_{column}": array for column, array in zip(self.columns, row, strict=True)}


logger = logging.getLogger(__name__)

#: Schemas per UNION ALL statement, which locks the tables and indexes of each of them.
SCHEMAS_PER_QUERY = 100
#: What PostgreSQL says of a schema, table or column that is missing, forbidden or damaged, not of a lost connection.
UNREADABLE = (ProgrammingError, InternalError)


class UnreadableSchema(NamedTuple):
    """A schema that a query could not read, and why."""

    schema: str
    error: Exception


def filter_existing(names: Iterable[str]) -> list[str]:
    """Return those of these schemas that the database has, in order. One query, of the catalogue."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s) ORDER BY 1", [list(names)])
        return [name for (name,) in cursor.fetchall()]


def query_readable(
    schemas: Sequence[str],
    build: Callable[[str], sql.Composable],
    params: Sequence[Any] = (),
    *,
    all_or_nothing: bool = False,
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a SELECT built for each schema, whose parameters are `params`; an unreadable schema is logged.

    Raises the database's error where none can be read: then it is the query that is wrong. With `all_or_nothing`, where
    any cannot.
    """
    unreadable: list[UnreadableSchema] = []
    for chunk in batched(schemas, SCHEMAS_PER_QUERY):
        yield from query_each(chunk, build, params, unreadable=unreadable)
    if unreadable and (all_or_nothing or len(unreadable) == len(schemas)):
        raise unreadable[0].error
    for schema, error in unreadable:
        logger.error("Schema %s cannot be read and was left out: %s", schema, str(error).strip())


def query_each(
    schemas: Sequence[str],
    build: Callable[[str], sql.Composable],
    params: Sequence[Any] = (),
    *,
    unreadable: list[UnreadableSchema],
    before: sql.Composable | None = None,
) -> list[tuple[Any, ...]]:
    """Return the rows of one UNION ALL of the SELECTs built for these schemas; those that fail enter `unreadable`.

    `before` stands before the first SELECT, such as a WITH. After an error the schemas are halved until those that
    cause it stand alone: some fourteen statements for one among a hundred.
    """
    union = sql.SQL(" UNION ALL ").join(build(schema) for schema in schemas)
    statement = sql.Composed([before, union]) if before else union
    try:
        with surviving_errors():
            return _fetch(statement, [*params] * len(schemas))
    except UNREADABLE as error:
        if len(schemas) == 1:
            unreadable.append(UnreadableSchema(schemas[0], error))
            return []
    middle = len(schemas) // 2
    return [
        row
        for half in (schemas[:middle], schemas[middle:])
        for row in query_each(half, build, params, unreadable=unreadable, before=before)
    ]


@contextlib.contextmanager
def surviving_errors() -> Iterator[None]:
    """Let the caller's transaction, if there is one, go on after a statement of the block that fails."""
    with transaction.atomic() if connection.in_atomic_block else contextlib.nullcontext():
        yield


def _fetch(statement: sql.Composable, params: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
