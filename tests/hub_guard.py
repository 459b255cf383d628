"""Fails a test in which a statement names a table of an office and a hot one of the public schema.

On one node such a statement is a join; where offices lie on other nodes than the public schema, it is refused, or
brings the public table over (docs/decisions/0156).
"""

import re
import sys
from functools import lru_cache

from django.apps import apps
from django.conf import settings
from django.db.backends.signals import connection_created
from psycopg.sql import Composable

from core.connections import connection
from tests.tenant_guard import TENANT_TABLES

#: Public tables that each node has a copy of, since they are rarely written: an office's statements may name them.
REFERENCE_TABLES = {table for config in apps.get_app_configs() for table in getattr(config, "tables_on_every_node", ())}
HOT_TABLES = (
    {
        model._meta.db_table  # noqa: SLF001 - the documented API of models
        for config in apps.get_app_configs()
        if config.name in settings.SHARED_APPS and config.name not in settings.TENANT_APPS
        for model in config.get_models(include_auto_created=True)
    }
    | {"procrastinate_jobs", "procrastinate_events", "procrastinate_workers", "django_admin_log"}
) - REFERENCE_TABLES
#: Statements that read or write no row; and blocks, whose statements the server plans one by one.
_DEFINITION = re.compile(r"\s*(ALTER|ANALYZE|COMMENT|CREATE|DO|DROP|GRANT|LOCK|REVOKE|TRUNCATE)\b", re.IGNORECASE)
#: The machinery between who asks and the connection, and what stands in for a server's.
_MACHINERY = {"core.schemas", "tenants.cross_schema", "tests.hub_guard", "tests.tenant_guard"}
_PROJECT = {config.name.partition(".")[0] for config in apps.get_app_configs() if "site-packages" not in config.path}
_PUBLIC = "public"
#: The outbox stands in each schema: in an office's it is a table of the office.
_NAMED = re.compile(rf"\b(?:{'|'.join(sorted(TENANT_TABLES | HOT_TABLES))})\b")
_OUTBOX = re.compile(r'(?<!\bpublic\.)(?<!"public"\.)"?\bmailing_message\b')


class MixedStatement(AssertionError):
    """A statement names a table of an office and a hot one of the public schema."""


@lru_cache(maxsize=10_000)
def list_mixed_tables(statement: str, *, in_office: bool) -> tuple[str, ...]:
    """Return the tables of a statement that names both kinds; nothing of one that names one kind or none."""
    if _DEFINITION.match(statement):
        return ()
    named = set(_NAMED.findall(statement))
    if in_office and _OUTBOX.search(statement):
        named.add("mailing_message")
    if named <= HOT_TABLES or named.isdisjoint(HOT_TABLES):
        return ()
    return tuple(sorted(named))


def check_statement(execute, sql, params, many, context):
    """An `execute_wrapper`: raises `MixedStatement` before a statement that names both kinds of tables."""
    text = sql.as_string() if isinstance(sql, Composable) else str(sql)
    mixed = list_mixed_tables(text, in_office=context["connection"].schema_name != _PUBLIC)
    # The stack is walked last, for a refusal alone.
    if mixed and (asker := _find_asker()) is not None:
        raise MixedStatement(f"{asker} names {', '.join(mixed)} in one statement: {text[:300]}")
    return execute(sql, params, many, context)


def _find_asker() -> str | None:
    """Return the project's module that asks; None for a test, which runs on one node."""
    frame = sys._getframe(2)  # noqa: SLF001 - the interpreter's frames
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        package = name.partition(".")[0]
        if name not in _MACHINERY and package in _PROJECT | {"tests", "bench"}:
            return name if package in _PROJECT else None
        frame = frame.f_back
    return None


def _install_on_connection(*, connection, **_):
    if check_statement not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, check_statement)


def install():
    """Install the check for the run."""
    connection_created.connect(_install_on_connection)
    if connection.connection is not None:
        _install_on_connection(connection=connection)
