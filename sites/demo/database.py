"""Reset of the demo's database, with a guard against any other database."""

# ruff: noqa: S608 - statements are put together of the constants of this module

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection
from psycopg import sql

from core import database_access
from core.connections import OwnerUnknown, connected_as_owner
from core.database_access import DatabaseRoles, Login
from tenants.template_database import accept_any_moment, adopt_copy, ensure_template

_NAME_PART = "demo"
_USE = "La démonstration"
_IN_USE = "Une autre démonstration est en cours dans cette base : arrêtez-la d'abord."

_OF_NO_EXTENSION = (
    "NOT EXISTS (SELECT FROM pg_depend WHERE pg_depend.classid = '{0}'::regclass AND pg_depend.objid = {0}.oid"
    " AND deptype IN ('e', 'i'))"
)
#: Statements that drop the schemas of offices, then what stands in the public one. That stays: the extension that makes
#: a cluster hangs on it.
_SCHEMAS = (
    "SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace"
    f" WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')"
    f" AND {_OF_NO_EXTENSION.format('pg_namespace')}"
)
_TABLES = (
    "SELECT 'DROP TABLE ' || string_agg(oid::regclass::text, ', ') || ' CASCADE' FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    f" AND {_OF_NO_EXTENSION.format('pg_class')} HAVING count(*) > 0"
)
_ROUTINES = (
    "SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc"
    f" WHERE pronamespace = 'public'::regnamespace AND {_OF_NO_EXTENSION.format('pg_proc')}"
)
_TYPES = (
    "SELECT format('DROP TYPE IF EXISTS %s CASCADE', oid::regtype) FROM pg_type"
    " WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'c', 'd')"
    f" AND {_OF_NO_EXTENSION.format('pg_type')}"
)


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
    """Make the database anew: on the embedded server from the migrated template, elsewhere by migrations as the owner.

    Raises `NotDemoDatabase` where the database is in use.
    """
    check_demo_database()
    connection.close()
    try:
        if settings.DATABASE_IS_EMBEDDED:
            _copy_template()
        else:
            with connected_as_owner(_USE):
                _drop_everything()
                call_command("migrate_schemas", verbosity=0)
                accept_any_moment()
    except OwnerUnknown as refusal:
        raise NotDemoDatabase(str(refusal)) from refusal
    # Prepared statements refer to the dropped tables.
    connection.close()


def _copy_template() -> None:
    template, name = ensure_template(), str(connection.settings_dict["NAME"])
    owner, administrator = settings.DATABASE_OWNER, settings.DATABASE_ADMINISTRATOR
    if owner is None or administrator is None:
        raise NotDemoDatabase("Le serveur PostgreSQL de la démonstration n'a ni propriétaire ni administrateur.")
    accesses = owner, connection.settings_dict, settings.DATABASE_READER
    roles = DatabaseRoles(*(Login(access["USER"]) for access in accesses))
    with database_access.connect(administrator, "postgres") as server:
        try:
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        except psycopg.errors.ObjectInUse as error:
            raise NotDemoDatabase(_IN_USE) from error
        database_access.create_database(server, name, roles, template=template)
    with connected_as_owner(_USE):
        adopt_copy()


def _drop_everything() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
            for find in (_SCHEMAS, _TABLES, _ROUTINES, _TYPES):
                cursor.execute(find)
                for (statement,) in cursor.fetchall():
                    cursor.execute(statement)
            cursor.execute("RESET lock_timeout")
    except OperationalError as error:
        raise NotDemoDatabase(_IN_USE) from error
    connection.close()
