"""Who reaches the database: its three roles, and how long their statements may run.

Made by an administrator, again and again without harm. What each may do to which table is granted by
`tenants.privileges`, after the migrations. Without Django's settings: the embedded server has its roles before them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql

# How long a statement may run and a transaction stay idle, by what the process does: a page, a job, or no limit.
#
# Without Django's settings: they are made of it.

#: How PostgreSQL writes a duration; milliseconds without a unit.
DURATION = re.compile(r"[0-9]{1,9} ?(ms|s|min|h|d)?")

#: A page that waits longer has lost its reader; the longest bulk request takes three seconds.
WEB_TIMEOUTS = {"statement_timeout": "30s", "idle_in_transaction_session_timeout": "60s"}
#: The longest step of an import of 100,000 rows takes seconds: whatever reaches this is stuck, and holds locks.
WORKER_TIMEOUTS = {"statement_timeout": "15min", "idle_in_transaction_session_timeout": "15min"}


def apply_timeouts(settings: dict[str, Any], defaults: Mapping[str, str]) -> None:
    """Limit statements and idle transactions of this process's new connections: by the URL, else by `defaults`.

    At the opening of each connection and not by SET: no round trip, and procrastinate's connections have them too.
    Migrations and other commands do not call it: they take the time they need.
    """
    # Tests and benches name their own connections, without a URL.
    timeouts = {**defaults, **settings.get("TIMEOUTS", {})}
    options = settings.setdefault("OPTIONS", {})
    given = [options["options"]] if options.get("options") else []
    # Of two settings of one name PostgreSQL takes the last: the URL's own `options`.
    options["options"] = " ".join(
        [*(f"-c {name}={value.replace(' ', '')}" for name, value in timeouts.items()), *given]
    )


#: What no role of ours may be.
_POWERS = {
    "rolsuper": "NOSUPERUSER",
    "rolcreaterole": "NOCREATEROLE",
    "rolcreatedb": "NOCREATEDB",
    "rolreplication": "NOREPLICATION",
    "rolbypassrls": "NOBYPASSRLS",
}

#: Statements that give a schema's objects to the owner, but those that follow what they belong to: objects of an
#: extension, and sequences of a column.
_TRANSFERS = """
WITH extended AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
     of_columns AS (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype IN ('a', 'i')),
     objects AS (
         SELECT 'pg_class'::regclass AS catalogue, oid, relowner AS owner,
             format('%%s.%%I', %(schema)s::text, relname) AS name,
             CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                 WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END AS kind
         FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm', 'c')
             AND NOT (relkind = 'S' AND oid IN (SELECT objid FROM of_columns))
         UNION ALL
         SELECT 'pg_proc'::regclass, oid, proowner, oid::regprocedure::text, 'ROUTINE'
         FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
         UNION ALL
         SELECT 'pg_type'::regclass, oid, typowner, format('%%s.%%I', %(schema)s::text, typname), 'TYPE'
         FROM pg_type WHERE typnamespace = %(schema)s::regnamespace AND typtype IN ('e', 'd', 'r')
     )
SELECT format('ALTER %%s %%s OWNER TO %%s', kind, name, %(owner)s::text) FROM objects
WHERE owner <> %(owner)s::regrole AND (catalogue, oid) NOT IN (SELECT classid, objid FROM extended)
"""

#: Whether a new database would inherit a locale of ASCII alone though the server has another one; whether it has ICU.
_SERVER_LOCALE = """
SELECT (pg_encoding_to_char(encoding) <> 'UTF8' OR datctype IN ('C', 'POSIX'))
        AND EXISTS (SELECT FROM pg_collation WHERE collprovider = 'c' AND collname IN ('C.UTF-8', 'C.utf8')),
    EXISTS (SELECT FROM pg_collation WHERE collname = 'fr-x-icu')
FROM pg_database WHERE datname = 'template0'
"""

_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1"


class Login(NamedTuple):
    """A role and its password; without one it signs in where the server asks for none, or not at all."""

    name: str
    password: str = ""


class DatabaseRoles(NamedTuple):
    """The three roles of a database."""

    owner: Login
    application: Login
    reader: Login

    def names(self) -> set[str]:
        """Return the names of the roles."""
        return {role.name for role in self}


class RolesRefused(Exception):
    """The roles cannot be made as they are asked for; nothing was changed."""


def connect(access: Mapping[str, Any], database: str = "") -> psycopg.Connection:
    """Return a connection in autocommit, by Django's settings of one; to another database if it is named."""
    return psycopg.connect(
        host=access["HOST"] or None,
        port=access["PORT"] or None,
        user=access["USER"],
        password=access["PASSWORD"] or None,
        dbname=database or access["NAME"],
        autocommit=True,
        # Of a database in SQL_ASCII psycopg would return bytes.
        client_encoding="utf8",
        **access["OPTIONS"],
    )


def create_roles(server: psycopg.Connection, roles: DatabaseRoles, *, owner_creates_databases: bool = False) -> None:
    """Create the roles, or correct those that are there: passwords, and powers that none of them may have.

    `server`: an administrator's connection in autocommit. `owner_creates_databases`: for tests. Raises `RolesRefused`.
    """
    if len(roles.names()) < len(roles):
        raise RolesRefused(f"Three roles need three names, not {', '.join(role.name for role in roles)}.")
    if server.info.user in roles.names():
        raise RolesRefused(f"{server.info.user} is the administrator: the roles need names of their own.")
    with server.transaction():
        for role in roles:
            _create_role(server, role)
        if owner_creates_databases:
            server.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(roles.owner.name)))
        for granted, member in _list_memberships(server, roles):
            server.execute(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(granted), sql.Identifier(member)))


def _create_role(server: psycopg.Connection, role: Login) -> None:
    name = sql.Identifier(role.name)
    if not server.execute("SELECT FROM pg_roles WHERE rolname = %s", [role.name]).rowcount:
        server.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    [held] = server.execute(
        sql.SQL("SELECT {} FROM pg_roles WHERE rolname = %s").format(sql.SQL(", ").join(map(sql.Identifier, _POWERS))),
        [role.name],
    ).fetchall()
    # Only what differs: an administrator who is no superuser may not even repeat NOSUPERUSER.
    taken = [power for power, is_held in zip(_POWERS.values(), held, strict=True) if is_held]
    server.execute(sql.SQL("ALTER ROLE {} LOGIN INHERIT {}").format(name, sql.SQL(" ".join(taken))))
    if role.password:
        # Hashed here: the password stands in no log of the server.
        verifier = server.pgconn.encrypt_password(
            role.password.encode(), role.name.encode(), algorithm=b"scram-sha-256"
        ).decode()
        server.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier)))


def _list_memberships(server: psycopg.Connection, roles: DatabaseRoles) -> list[tuple[str, str]]:
    """Return the memberships of the application and the reader: each lends them what another role may do."""
    return server.execute(
        "SELECT granted.rolname, member.rolname FROM pg_auth_members AS membership"
        " JOIN pg_roles AS granted ON granted.oid = roleid"
        " JOIN pg_roles AS member ON member.oid = membership.member"
        " WHERE member.rolname = ANY(%s)",
        [[roles.application.name, roles.reader.name]],
    ).fetchall()


def create_database(
    server: psycopg.Connection, database: str, roles: DatabaseRoles, *, template: str = "template0"
) -> bool:
    """Create the database for its owner, or give it to its owner; return whether it was created.

    Nobody connects to it but the three roles and administrators. A copy of another template has that one's locale.
    """
    name, owner = sql.Identifier(database), sql.Identifier(roles.owner.name)
    if not _is_superuser(server):
        # Whoever gives something to a role must be able to become it.
        server.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
    created = not server.execute("SELECT FROM pg_database WHERE datname = %s", [database]).rowcount
    if created:
        locale = sql.SQL(choose_locale(server) if template == "template0" else "")
        server.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} {}").format(name, owner, sql.Identifier(template), locale)
        )
    else:
        server.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, owner))
    server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    users = sql.SQL(", ").join(map(sql.Identifier, (roles.application.name, roles.reader.name)))
    server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(name, users))
    server.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, users))
    # The directory's synchronisation compares in temporary tables.
    server.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(name, sql.Identifier(roles.application.name)))
    return created


def choose_locale(server: psycopg.Connection) -> LiteralString:
    """Return the options of a new database: UTF-8, letters beyond ASCII, and sorted as French where the server can.

    Whatever the cluster was made with: without a locale of the system, Debian's is SQL_ASCII. template0 alone may be
    copied with another encoding.
    """
    [(needs_letters, has_icu)] = server.execute(_SERVER_LOCALE).fetchall()
    options: LiteralString = "ENCODING 'UTF8'"
    if needs_letters:
        options += " LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
    if has_icu:
        options += " LOCALE_PROVIDER icu ICU_LOCALE 'fr-FR'"
    return options


def transfer_ownership(database: psycopg.Connection, owner: str) -> int:
    """Give all that another role owns in the database to `owner`, a transaction a schema; return how many objects.

    Objects of extensions stay as they are.
    """
    transferred = 0
    for (schema,) in database.execute(_SCHEMAS).fetchall():
        with database.transaction():
            database.execute(
                sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(sql.Identifier(schema), sql.Identifier(owner))
            )
            names = {"schema": sql.Identifier(schema).as_string(), "owner": sql.Identifier(owner).as_string()}
            for (statement,) in database.execute(_TRANSFERS, names).fetchall():
                database.execute(statement.encode())
                transferred += 1
    # Clusters that were made before PostgreSQL 15 let everybody create there.
    database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    return transferred


def spread_roles(database: psycopg.Connection, roles: DatabaseRoles) -> bool:
    """Have each node of a cluster know the roles, as only a superuser may; return whether it is one.

    Citus creates a role on its nodes for a table that it copies there and that the role may read; the role stays.
    """
    if not database.execute("SELECT FROM pg_extension WHERE extname = 'citus'").rowcount:
        return False
    names = sql.SQL(", ").join(map(sql.Identifier, sorted(roles.names())))
    with database.transaction():
        database.execute("CREATE SCHEMA known_roles CREATE TABLE known ()")
        database.execute(sql.SQL("GRANT USAGE ON SCHEMA known_roles TO {}").format(names))
        database.execute(sql.SQL("GRANT SELECT ON known_roles.known TO {}").format(names))
    database.execute("SELECT create_reference_table('known_roles.known')")
    database.execute("DROP SCHEMA known_roles CASCADE")
    return True


def _is_superuser(server: psycopg.Connection) -> bool:
    return server.info.parameter_status("is_superuser") == "on"


def list_missing(server: psycopg.Connection, names: Iterable[str]) -> set[str]:
    """Return the names that no role has."""
    found = server.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(names)]).fetchall()
    return set(names) - {name for (name,) in found}
