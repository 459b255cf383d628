"""The database of the tests on a cluster: where `CITUS_URL` names its coordinator, by an administrator.

The database of the URL has the extension and its nodes; that of the tests is made like it, on the same servers. Roles
are those of the embedded server, which the servers let in without a password, as they do one another.
"""

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from psycopg import sql

from config import database
from core import database_access

CITUS_URL = os.environ.get("CITUS_URL", "")
#: Marks what only a database on one server does.
one_server = pytest.mark.skipif(bool(CITUS_URL), reason="of a database on one server")
#: Why a test of a cluster is skipped.
REASON = "needs a cluster: CITUS_URL names none"
_EXTENSIONS = ("pg_trgm", "unaccent", "btree_gist")


def use() -> None:
    """Lead the settings to the cluster, before anything connects. Processes that tests start are led there by them."""
    if not CITUS_URL:
        return
    administrator = database.from_url(CITUS_URL)
    address = f"{administrator['HOST']}:{administrator['PORT']}/{administrator['NAME']}"
    roles = database.EMBEDDED_ROLES
    access = database.from_urls(
        application=f"postgresql://{roles.application.name}@{address}",
        owner=f"postgresql://{roles.owner.name}@{address}",
        administrator=CITUS_URL,
        reader=f"postgresql://{roles.reader.name}@{address}",
    )
    settings.DATABASES["default"].update(access.application)
    settings.DATABASE_OWNER, settings.DATABASE_ADMINISTRATOR = access.owner, access.administrator
    settings.DATABASE_READER = access.reader
    for node in list_nodes():
        with connect(node) as server:
            database_access.create_roles(server, roles, owner_creates_databases=True)


def make(name: str) -> None:
    """Make a cluster of the database, which stands on the coordinator, and put all in its place. As the owner."""
    coordinator, *workers = list_nodes()
    owner = database.EMBEDDED_ROLES.owner.name
    for node in workers:
        drop(name, node)
        with connect(node) as server:
            server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
    for node in (coordinator, *workers):
        with connect(node, name) as server:
            server.execute("CREATE EXTENSION citus")
    for node in workers:
        with connect(node, name, user=owner) as server:
            for extension in _EXTENSIONS:
                server.execute(f"CREATE EXTENSION {extension}")
    with connect(coordinator) as lock, connect(coordinator, name) as server:
        # Nodes are added to one database after another: each writes the same rows of the servers' roles.
        lock.execute("SELECT pg_advisory_lock(hashtext('tests.cluster'))")
        server.execute("SELECT citus_set_coordinator_host(%s, %s)", coordinator)
        for node in workers:
            server.execute("SELECT citus_add_node(%s, %s)", node)
        database_access.spread_roles(server, database.EMBEDDED_ROLES)
    call_command("distribute", verbosity=0)


def drop(name: str, node: tuple[str, int]) -> None:
    """Drop the tests' database on a node."""
    with connect(node) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def drop_everywhere(name: str) -> None:
    """Drop the tests' database on all servers, as an earlier run may have left it."""
    for node in list_nodes():
        drop(name, node)


def drop_on_workers(name: str) -> None:
    """Drop the tests' database on all servers but the coordinator."""
    for node in list_nodes()[1:]:
        drop(name, node)


def list_nodes() -> list[tuple[str, int]]:
    """Return host and port of each server, the coordinator first."""
    with psycopg.connect(CITUS_URL, autocommit=True) as server:
        return server.execute("SELECT nodename, nodeport FROM pg_dist_node ORDER BY groupid").fetchall()


def connect(node: tuple[str, int], name: str = "", **parameters: Any) -> psycopg.Connection:
    """Return a connection of the administrator, or of another user, to a server of the cluster."""
    host, port = node
    values = psycopg.conninfo.conninfo_to_dict(CITUS_URL) | {"host": host, "port": port} | parameters
    if name:
        values["dbname"] = name
    return psycopg.connect(**values, autocommit=True)


def list_office_tables(administrator: psycopg.Connection) -> Iterator[str]:
    """Yield the tables that stand on nodes: a trigger there is not stopped by a setting of this connection."""
    for (name,) in administrator.execute("SELECT logicalrelid::text FROM pg_dist_partition"):
        yield name
