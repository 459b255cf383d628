"""The roles of the tests: databases are the owner's, tests run as the application, and may ask the administrator."""

import urllib.parse
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.utils import ConnectionHandler
from procrastinate.contrib.django.utils import connector_params

from core.connections import connection
from core.database_access import Login

#: Runs a statement in the test's own transaction, so that it sees what the test has not committed. The schema is the
#: caller's. Only databases of tests have it.
_ADMINISTRATION = """
CREATE SCHEMA IF NOT EXISTS tests_administration;
GRANT USAGE ON SCHEMA tests_administration TO PUBLIC;
CREATE OR REPLACE FUNCTION tests_administration.execute(statement text, with_triggers boolean) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET session_replication_role = DEFAULT AS $$
DECLARE
    number_of_rows bigint;
BEGIN
    PERFORM set_config('session_replication_role', CASE WHEN with_triggers THEN 'origin' ELSE 'replica' END, true);
    EXECUTE statement;
    GET DIAGNOSTICS number_of_rows = ROW_COUNT;
    RETURN number_of_rows;
END $$
"""

#: How Citus refuses it: by name, or by a lock that the one waits for and the other holds.
_OF_ANOTHER_USER = ("modified in this transaction by a different user", "involved in a distributed deadlock")

_wrappers: dict[str, Any] = {}
_cleaner: list[psycopg.Connection] = []
_test_role: dict[str, Any] = settings.DATABASES["default"]


def begin_test(*, as_owner: bool) -> None:
    """Connect as the role that the next test runs as."""
    global _test_role  # noqa: PLW0603 - tests run one after another
    _test_role = settings.DATABASE_OWNER if as_owner else settings.DATABASES["default"]
    connect_for_test()


def connect_for_test() -> None:
    """Connect as the role of the test at hand."""
    connect_as(_test_role)


def connect_as(role: dict[str, Any]) -> None:
    """Let this thread's statements go through the connection of a role, which is kept for the run."""
    current = connections[DEFAULT_DB_ALIAS]
    _wrappers.setdefault(current.settings_dict["USER"], current)
    name = role["USER"]
    if name not in _wrappers:
        values = current.settings_dict | role | {"NAME": current.settings_dict["NAME"]}
        _wrappers[name] = ConnectionHandler({DEFAULT_DB_ALIAS: values})[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = _wrappers[name]


def close_connections() -> None:
    """Close what this thread keeps, so that the database can be dropped."""
    for each in (*_wrappers.values(), *_cleaner):
        each.close()


def get_cleaner() -> psycopg.Connection:
    """Return the administrator's connection that no trigger stops, of a foreign key neither; it is kept for the run."""
    try:
        if _cleaner:
            _cleaner[0].execute("SELECT")
            return _cleaner[0]
    except psycopg.OperationalError:
        # A test had the server close every connection.
        _cleaner[0].close()
    _cleaner[:] = [connect_administrator(options="-c session_replication_role=replica")]
    return _cleaner[0]


def define_administration() -> None:
    """Create the function that `execute_as_administrator` calls, in the connected database."""
    with connect_administrator() as administrator:
        administrator.execute(_ADMINISTRATION)


def connect_administrator(**parameters: Any) -> psycopg.Connection:
    """Return a new connection of the administrator to the connected database, in autocommit."""
    return connect(settings.DATABASE_ADMINISTRATOR["USER"], **parameters)


def connect(user: str, **parameters: Any) -> psycopg.Connection:
    """Return a new connection of a role to the connected database, in autocommit."""
    values = connector_params() | {"dbname": connection.settings_dict["NAME"], "user": user} | parameters
    return psycopg.connect(**values, autocommit=True)


def build_url(values: dict[str, Any]) -> str:
    """Return the URL of Django's settings of a database."""
    user = urllib.parse.quote(values["USER"])
    password = f":{urllib.parse.quote(values['PASSWORD'])}" if values["PASSWORD"] else ""
    options = dict(values["OPTIONS"])
    host, port = values["HOST"], f":{values['PORT']}" if values["PORT"] else ""
    if host.startswith("/"):
        options["host"], host = host, ""
    # libpq takes a "+" as it stands: a space is %20.
    query = urllib.parse.urlencode(options, quote_via=urllib.parse.quote)
    return f"postgresql://{user}{password}@{host}{port}/{values['NAME']}?{query}"


def make_url(login: Login, database: str) -> str:
    """Return the URL by which a role connects to a database of the tests' server."""
    role = {"USER": login.name, "PASSWORD": login.password, "NAME": database}
    return build_url(settings.DATABASE_ADMINISTRATOR | role)


def execute_as_administrator(statement: str, parameters: Any = None, *, with_triggers: bool = False) -> int:
    """Execute a statement as a superuser, whom no trigger stops, in the test's transaction; return how many rows.

    Skips the test on a cluster, where a node refuses two users in one transaction.
    """
    with connection.cursor() as cursor:
        if parameters:
            statement = cursor.cursor.mogrify(statement, parameters)
        try:
            cursor.execute("SELECT tests_administration.execute(%s, %s)", [statement, with_triggers])
        except DatabaseError as error:
            if any(refusal in str(error) for refusal in _OF_ANOTHER_USER):
                pytest.skip("of a database on one server: a superuser writes in the application's transaction")
            raise
        return cursor.fetchone()[0]
