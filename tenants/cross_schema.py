"""Run one query in every collectivity's schema, by a handful of statements."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet
from psycopg import sql

from core.schemas import query_readable
from tenants.models import Collectivity


class SchemaRow(NamedTuple):
    """A result row and its collectivity."""

    collectivity: Collectivity
    values: tuple[Any, ...]


def query_all(
    query: str,
    params: Sequence[Any] = (),
    *,
    among: QuerySet[Collectivity] | None = None,
    all_or_nothing: bool = False,
) -> Iterator[SchemaRow]:
    """Yield the rows of a query in each schema, ordered by collectivity; `among`: only in theirs.

    `query` is one SELECT whose table names are prefixed with `{schema}.`; `params` are for one schema. A schema that
    cannot be read is logged and left out; with `all_or_nothing` its error is raised.
    """
    asked_in = Collectivity.objects.all() if among is None else among
    collectivities = list(asked_in.order_by("name", "pk"))
    places = {each.schema_name: place for place, each in enumerate(collectivities)}

    def build(schema: str) -> sql.Composed:
        asked = sql.SQL(query).format(schema=sql.Identifier(schema))
        return sql.SQL("SELECT {}, answer.* FROM ({}) answer").format(sql.Literal(places[schema]), asked)

    rows = query_readable(list(places), build, params, all_or_nothing=all_or_nothing)
    for place, *values in sorted(rows, key=lambda row: row[0]):
        yield SchemaRow(collectivities[place], tuple(values))
