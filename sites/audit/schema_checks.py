"""The schema of each collectivity: it has the structure of a new one, and each of its values can be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from django.apps import apps
from django.conf import settings
from django.db import connection

from tenants import schema_snapshot

SCHEMAS_RULE = ("schemas", "63. Le schéma de chaque collectivité existe, a toutes ses tables et se lit")


STRUCTURE_RULE = ("structure", "67. Le schéma de chaque collectivité est fait comme celui d'un nouveau bureau")


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
