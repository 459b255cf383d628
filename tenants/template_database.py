"""A database that the migrations made, kept on the server to be copied: by tests, benches and demonstrations.

Making it takes some twenty seconds, nine tenths of them for Django to render the models of each step anew; a copy takes
a fifth of one. Its name holds the hash of what makes it: after a change of a migration another one is made.
"""

import functools
import gc
import hashlib
from pathlib import Path

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from psycopg import sql

from core import database_access
from core.connections import connected_as_owner, connection
from installation import hold

_PREFIX = "peps_template_"
#: The database of every server, to connect to while others are created.
_MAINTENANCE = "postgres"
_USE = "La base modèle"
_ANY_MOMENT = (
    "CREATE OR REPLACE FUNCTION public.accounts_accepts_any_moment() RETURNS boolean LANGUAGE sql STABLE"
    " AS 'SELECT true'"
)
#: Folders of the project, apart from migrations, whose modules decide what a migrated database holds.
_MAKERS = ("platform/config", "platform/core", "platform/installation", "tenants")


def list_sources() -> list[Path]:
    """Return the files that decide what a migrated database holds: all migrations among them."""
    root = Path(settings.ROOT)
    paths = {root / "requirements" / "dev.txt"}
    for folder in _MAKERS:
        paths.update((root / folder).rglob("*.py"))
    for config in apps.get_app_configs():
        paths.update((Path(config.path) / "migrations").glob("*.py"))
        # What it declares of its columns and tables.
        paths.update(Path(config.path).glob("apps.py"))
    return sorted(paths)


@functools.cache
def compute_fingerprint() -> str:
    """Return a hash of the sources' names and contents."""
    digest = hashlib.sha256()
    for path in list_sources():
        digest.update(f"{path.parent.parent.name}/{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def ensure_template() -> str:
    """Return the name of the template, which is made where the server has none of this code; older ones are dropped.

    Raises `OwnerUnknown`.
    """
    name = f"{_PREFIX}{compute_fingerprint()}"
    with connected_as_owner(_USE), database_access.connect(connection.settings_dict, _MAINTENANCE) as server:
        # The first process makes it, the others wait.
        server.execute("SELECT pg_advisory_lock(hashtext(%s))", [_PREFIX])
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND pg_get_userbyid(datdba) = user"
        present = [database for (database,) in server.execute(query, [_PREFIX])]
        if name in present:
            return name
        for database in present:
            # Not WITH (FORCE): the owner may not end an autovacuum worker, which a plain DROP ends and waits for.
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(database)))
        unfinished = f"{name}_unfinished"
        make_migrated(server, unfinished)
        server.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(unfinished), sql.Identifier(name))
        )
        # Whoever is connected to it would stop a copy.
        server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
    return name


def make_migrated(server: psycopg.Connection, database: str) -> None:
    """Create a database and migrate it. `server`: the owner's connection to another one."""
    server.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(
            sql.Identifier(database), sql.SQL(database_access.choose_locale(server))
        )
    )
    collects = gc.isenabled()
    # The models of each step are cycles by the thousand: looking for them takes a third of the time.
    gc.disable()
    try:
        with connected_as_owner(_USE, database=database):
            call_command("migrate_schemas", verbosity=0)
    finally:
        if collects:
            gc.enable()


def adopt_copy() -> None:
    """Let the connected database, a copy of the template, be an installation that acts. As the owner."""
    hold.resume()
    accept_any_moment()


def accept_any_moment() -> None:
    """Let the journals and books of the connected database be written as of any moment. As the owner.

    For clocks of tests, benches and demonstrations. `manage.py check --deploy --database default` refuses it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ANY_MOMENT)
