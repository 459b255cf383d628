"""The demonstration's database: emptied before each telling, and never anybody else's."""

from __future__ import annotations

from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection

_NAME = "demo"


class NotOurs(Exception):
    """The database is not one that may be emptied, or somebody is at work in it."""


def check_ours() -> None:
    """Raise `NotOurs` unless the data folder, or the database that DATABASE_URL names, says « demo »."""
    name = str(connection.settings_dict["NAME"])
    if _NAME not in settings.DATA.name and _NAME not in name:
        raise NotOurs(
            f"La démonstration vide sa base : elle refuse « {name} » dans {settings.DATA}. "
            "Lancez-la par « make demo », ou nommez une base dont le nom contient « demo »."
        )


def empty() -> None:
    """Drop every schema and lay the tables anew. Raises `NotOurs` where another process keeps hold of them."""
    check_ours()
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
    except OperationalError as held:
        raise NotOurs("Une autre démonstration est en cours dans cette base : arrêtez-la d'abord.") from held
    # What the connection remembers of the dropped schemas goes with it.
    connection.close()
    call_command("migrate_schemas", verbosity=0)
