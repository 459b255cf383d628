"""What the application and the reader may do to the tables of each schema, granted by the owner after migrations.

Nothing is granted by default: a table that was forgotten is out of reach, not open. Two functions of the database hold
the rules, because the application opens collectivities: it owns nothing, and calls the one that runs as the owner.
Why: docs/decisions/0094.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import transaction
from psycopg import sql

from core.connections import connection
from core.start_checks import list_role_faults
from tenants import privilege_sql
from tenants.models import Collectivity, SchemaSnapshot

#: Value of an app's `secret_columns` for a table of which the reader sees nothing.
WHOLE_TABLE = "*"
#: What `list_role_faults` finds, in French.
_ROLE_FAULTS = {
    "superuser": "est superutilisateur",
    "powers": "peut créer des rôles ou des bases, répliquer ou passer outre les règles des lignes",
    "member": "est membre du rôle {}",
    "owner": "est propriétaire de {}",
    "creator": "peut créer des objets dans {}",
    "truncate": "peut vider {}",
}


def list_secret_columns() -> dict[str, list[str] | str]:
    """Return the columns that the reader does not see, by table, as the apps declare them in `secret_columns`."""
    secrets: dict[str, list[str] | str] = {}
    for app in apps.get_app_configs():
        secrets |= getattr(app, "secret_columns", {})
    return secrets


def grant_everywhere() -> None:
    """Grant what the roles may do in every schema, and take back the rest. As the owner."""
    grant(["public", *Collectivity.objects.order_by("pk").values_list("schema_name", flat=True)])


@transaction.atomic
def define_functions() -> bool:
    """Create the functions that grant and that open schemas; return whether the rules changed. As the owner.

    What was recorded under other rules is deleted: `tenants.schema_snapshot` records it again.
    """
    names = {
        "application": sql.Identifier(_application()),
        "application_name": sql.Literal(_application()),
        "reader_name": sql.Literal(settings.DATABASE_READER["USER"]),
        "secrets": sql.Literal(json.dumps(list_secret_columns())),
    }
    with connection.cursor() as cursor:
        cursor.execute(privilege_sql.RULES)
        before = cursor.fetchall()
        for statement in privilege_sql.FUNCTIONS:
            cursor.execute(sql.SQL(statement).format(**names))
        cursor.execute(privilege_sql.RULES)
        changed = bool(cursor.fetchall() != before)
    if changed:
        SchemaSnapshot.objects.all().delete()
    return changed


def list_recorded_grants(schema: str) -> list[str]:
    """Return the statements that grant all in a schema made like this one, without its name. As the owner."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.tenants_list_grants(%s, '')", [schema])
        return [statement for (statement,) in cursor.fetchall()]


def grant(schemas: Iterable[str]) -> None:
    """Grant what the roles may do in the schemas, and take back the rest: one statement a schema. As the owner."""
    with connection.cursor() as cursor:
        for schema in schemas:
            cursor.execute("SELECT public.tenants_grant_privileges(%s)", [schema])


def find_ungranted() -> list[str]:
    """Return the schemas in which the application may do more or less than it should, by one query."""
    return sorted({schema for schema, *_ in _find_wrong_tables()})


def find_faults() -> list[str]:
    """Return what the application's role may do and must not, or cannot and must: French sentences. Three queries."""
    role, reader = _application(), settings.DATABASE_READER["USER"]
    faults = [f"le rôle {role} {_ROLE_FAULTS[kind].format(what)}" for kind, what in list_role_faults(role)]
    for schema, table, excess, lack in _find_wrong_tables():
        for verb, privileges in (("peut", excess), ("ne peut pas", lack)):
            if privileges:
                faults.append(f"{schema}.{table} : le rôle {role} {verb} {', '.join(privileges)}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [reader])
        if cursor.rowcount:
            cursor.execute(
                privilege_sql.READER_FAULTS, {"reader": reader, "secrets": json.dumps(list_secret_columns())}
            )
            faults += [f"{schema}.{table} : le rôle {reader} peut {what}" for schema, table, what in cursor.fetchall()]
    return faults


def _find_wrong_tables() -> list[tuple[str, str, list[str], list[str]]]:
    """Return schema, table, privileges that the application has and should not, and those that it lacks."""
    with connection.cursor() as cursor:
        cursor.execute(privilege_sql.WRONG_TABLES, {"role": _application()})
        rows: list[Any] = cursor.fetchall()
        return rows


def _application() -> str:
    """Return the name of the role of DATABASE_URL, whoever is connected."""
    name: str = settings.DATABASES["default"]["USER"]
    return name
