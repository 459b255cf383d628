"""Reset of the demo's database, with a guard against any other database."""

from __future__ import annotations

from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection

from core.owner_connection import OwnerUnknown, connected_as_owner

_NAME_PART = "demo"


class NotDemoDatabase(Exception):
    """The database is not a demo database, or another process uses it."""


def check_demo_database() -> None:
    """Raise `NotDemoDatabase` unless the name of the data folder or of the database contains « demo »."""
    name = str(connection.settings_dict["NAME"])
    if _NAME_PART not in settings.DATA.name and _NAME_PART not in name:
        raise NotDemoDatabase(
            f"La démonstration vide sa base : elle refuse « {name} » dans {settings.DATA}. "
            "Lancez-la par « make demo », ou nommez une base dont le nom contient « demo »."
        )


def reset_database() -> None:
    """Drop all schemas and migrate, as their owner. Raises `NotDemoDatabase` where the database is in use."""
    check_demo_database()
    try:
        with connected_as_owner("La démonstration"):
            _drop_schemas()
            call_command("migrate_schemas", verbosity=0)
    except OwnerUnknown as refusal:
        raise NotDemoDatabase(str(refusal)) from refusal
    # Prepared statements refer to the dropped schemas.
    connection.close()


def _drop_schemas() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
            cursor.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
            )
            for (schema,) in cursor.fetchall():
                cursor.execute(f"DROP SCHEMA {connection.ops.quote_name(schema)} CASCADE")
            cursor.execute("CREATE SCHEMA public")
            cursor.execute("RESET lock_timeout")
    except OperationalError as error:
        raise NotDemoDatabase("Une autre démonstration est en cours dans cette base : arrêtez-la d'abord.") from error
    connection.close()
