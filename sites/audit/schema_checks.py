"""The schema of each collectivity: it has the structure of a new one, and each of its values can be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django_tenants.utils import get_public_schema_name
from psycopg import sql

from core import connections
from tenants import schema_snapshot

# Every date and number of every table, as the models have them: one that Python cannot read stops each page with it.
#
# PostgreSQL has years before 1 and after 9999, infinite dates, and numbers that are none. They are looked for by the
# database, one statement for all tables of a schema: whoever reads such a row finds an error, not a value.

#: What Python reads, for each kind of column; a moment also in any time zone.
_READABLE: tuple[tuple[type[models.Field[Any, Any]], str], ...] = (
    # Before days: Django's moments are days by class.
    (models.DateTimeField, "BETWEEN '0001-01-02 00:00+00' AND '9999-12-30 23:59:59.999999+00'"),
    (models.DateField, "BETWEEN '0001-01-01' AND '9999-12-31'"),
    (models.DecimalField, "BETWEEN -1e100 AND 1e100"),
    (models.FloatField, "BETWEEN -1e300 AND 1e300"),
)
#: Rows of a table that are named; the sentence says if there are more.
_MAX_NAMED = 20


def find_unreadable_values() -> Iterator[str]:
    """Yield a French sentence for each row of the current schema with such a value. One statement."""
    tables = [_build_select(model) for model in _list_models() if _list_conditions(model)]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(tables))
        for table, key, columns in cursor.fetchall():
            yield f"{table} n° {key} : {columns}"


def _list_models() -> list[type[models.Model]]:
    """Return the models whose tables the current schema has."""
    is_public = connections.connection.schema_name == get_public_schema_name()
    elsewhere = set(settings.TENANT_APPS) - set(settings.SHARED_APPS)
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy  # noqa: SLF001 - documented
        and (
            model._meta.app_config.name not in elsewhere  # noqa: SLF001 - documented
            if is_public
            else model._meta.app_config.name in settings.TENANT_APPS  # noqa: SLF001 - documented
        )
    ]


def _list_conditions(model: type[models.Model]) -> list[tuple[str, str]]:
    """Return the columns of a model that hold dates or numbers, each with what Python reads."""
    return [
        (str(field.column), next(readable for kind, readable in _READABLE if isinstance(field, kind)))
        for field in model._meta.concrete_fields  # noqa: SLF001 - documented
        if isinstance(field, tuple(kind for kind, _ in _READABLE))
    ]


def _build_select(model: type[models.Model]) -> sql.Composable:
    """Return a SELECT of the table, the key and the columns of each row that cannot be read."""
    tests = {
        column: sql.SQL("{} NOT {}").format(sql.Identifier(column), sql.SQL(readable))
        for column, readable in _list_conditions(model)
    }
    named = [sql.SQL("CASE WHEN {} THEN {} END").format(test, sql.Literal(column)) for column, test in tests.items()]
    return sql.SQL(
        "(SELECT {table_name} AS name, {key}::text, concat_ws(', ', {named}) FROM {table} WHERE {tests} LIMIT {limit})"
    ).format(
        table_name=sql.Literal(model._meta.db_table),  # noqa: SLF001 - documented
        key=sql.Identifier(str(model._meta.pk.column)),  # noqa: SLF001 - documented
        named=sql.SQL(", ").join(named),
        table=sql.Identifier(model._meta.db_table),  # noqa: SLF001 - documented
        tests=sql.SQL(" OR ").join(tests.values()),
        limit=sql.Literal(_MAX_NAMED),
    )


def find_structure_differences(schemas: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield a schema and a French sentence for each part that a new office has and it has not, or the other way."""
    try:
        expected = schema_snapshot.get_current().structure
    except schema_snapshot.SnapshotMissing:
        return
    for schema, verb, part in schema_snapshot.find_differences(schemas, expected):
        yield schema, f"{verb} : {part}"


def find_lacking_tables(schemas: Iterable[str]) -> dict[str, str]:
    """Return a French sentence for each schema that is missing, or lacks a table, by schema. One query.

    A rule that reads a table that its schema lacks would read that of the public schema, next in the search path.
    """
    lacking = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT schema, name, to_regnamespace(quote_ident(schema)) IS NULL"
            " FROM unnest(%s::text[]) AS schema CROSS JOIN unnest(%s::text[]) AS name"
            " EXCEPT SELECT nspname, relname, false"
            " FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE relkind IN ('r', 'p')"
            " ORDER BY 1, 2",
            [list(schemas), list_tenant_tables()],
        )
        missing = set()
        for schema, table, is_missing in cursor.fetchall():
            lacking[schema].append(table)
            if is_missing:
                missing.add(schema)
    return {
        schema: "schéma absent" if schema in missing else f"il manque {', '.join(tables)}"
        for schema, tables in lacking.items()
    }


def list_tenant_tables() -> list[str]:
    """Return the tables that stand in each collectivity's schema, that of its migrations included."""
    labels = {config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS}
    models = apps.get_models(include_auto_created=True)
    tables = {model._meta.db_table for model in models if model._meta.app_label in labels and model._meta.managed}  # noqa: SLF001 - documented
    return ["django_migrations", *sorted(tables)]
