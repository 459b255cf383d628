"""The database on several machines, by the extension Citus: a coordinator, and nodes that keep the offices.

The public schema stays on the coordinator, but for what apps name in `tables_on_every_node` and
`functions_on_every_node`: tables that are rarely written and read beside an office's, and what their triggers call.
Each office's schema stands on one node as a whole. Without the extension all of it is one server, and nothing here does
anything. Why: docs/decisions/0162.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.apps import apps
from django.db import DatabaseError

from core.connections import connection
from core.schemas import filter_existing
from jobs.tasks import defer
from tenants.lock_timeouts import LockUnavailable, retry_on_lock
from tenants.models import Collectivity

#: Name of the task that puts a new office on a node.
PLACE = "tenants.place"
#: What the tables need on every node: those of `tenants.migrations.0001_extensions`.
_EXTENSIONS = ("pg_trgm", "unaccent", "btree_gist")


class MoveRefused(Exception):
    """The office stays where it is. The message says why, in French."""


class Node(NamedTuple):
    """A server of the cluster that may keep offices."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Distribution(NamedTuple):
    """What a run of `distribute` put in its place."""

    tables: list[str]
    schemas: list[str]


def is_cluster() -> bool:
    """Return whether the database has the extension."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")
        return bool(cursor.fetchone()[0])


def distribute(report: Callable[[str], None] = lambda _: None) -> Distribution:
    """Copy the tables of every node there, and put each office's schema on a node; what is in its place stays.

    A transaction for each, so that a run that was stopped goes on; an office that is being used is reported, and left
    for the next run. As the owner; nothing without the extension.
    """
    if not is_cluster():
        return Distribution([], [])
    _keep_locks_in_joins()
    _define_on_every_node()
    tables = _list_undistributed_tables()
    for table in tables:
        _select("create_reference_table(%s)", table)
        # The coordinator reads a copy of its own now.
        _select("truncate_local_data_after_distributing_table(%s)", table)
        report(f"{table} : copiée sur chaque nœud")
    placed = []
    for schema in _list_undistributed_schemas():
        try:
            place(schema)
        except LockUnavailable as error:
            report(f"{schema} : {error}")
            continue
        placed.append(schema)
        report(f"{schema} : placé sur un nœud")
    return Distribution(tables, placed)


def queue_placing(schema: str) -> None:
    """Have a worker put a new office's schema on a node, once it is committed; without the extension nothing.

    Until then the office works where it was made, on the coordinator: an opening waits for no node.
    """
    if is_cluster():
        defer(PLACE, schema=schema)


def place(schema: str) -> bool:
    """Put a collectivity's schema on a node, and return whether it had none. As the application or the owner.

    Raises `LockUnavailable` where the office is being used; then it stays where it is.
    """
    with connection.cursor() as cursor:

        def call() -> bool:
            cursor.execute("SELECT public.tenants_place_schema(%s)", [schema])
            return bool(cursor.fetchone()[0])

        return retry_on_lock(call)


@contextlib.contextmanager
def kept_to_coordinator() -> Iterator[None]:
    """Keep definitions from the nodes for the block, as long as they have no table of the public schema.

    `distribute` sends them what their tables need; what libraries define for the queue they may not even refuse.
    """
    if not is_cluster() or len(_list_undistributed_tables()) < len(_list_declared("tables_on_every_node")):
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET citus.enable_ddl_propagation = off")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET citus.enable_ddl_propagation")


def list_nodes() -> list[Node]:
    """Return the nodes that keep offices, by host and port."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nodename, nodeport FROM pg_dist_node WHERE noderole = 'primary' AND shouldhaveshards ORDER BY 1, 2"
        )
        return [Node(*row) for row in cursor.fetchall()]


def move_office(slug: str, address: str) -> Node:
    """Move an office's schema to the node at `address`, host or host:port, while it is used. As the owner.

    Reads go on; who writes waits at the end, for the moment in which the copy takes over. Raises `MoveRefused`.
    """
    if not is_cluster():
        raise MoveRefused("Cette base n'est pas répartie : il n'y a qu'un serveur.")
    collectivity = Collectivity.objects.filter(slug=slug).first()
    if collectivity is None:
        raise MoveRefused(f"Aucune collectivité n'a l'adresse « {slug} ».")
    nodes = list_nodes()
    matching = [node for node in nodes if address in (node.host, str(node))]
    if len(matching) != 1:
        known = ", ".join(map(str, nodes)) or "aucun"
        raise MoveRefused(f"Aucun nœud ne répond au nom « {address} », ou plusieurs. Nœuds connus : {known}.")
    schema = collectivity.schema_name
    current = get_node(schema)
    if current is None:
        raise MoveRefused(f"L'espace « {slug} » n'est encore sur aucun nœud : lancez d'abord « distribute ».")
    if current == matching[0]:
        raise MoveRefused(f"L'espace « {slug} » est déjà sur {current}.")
    try:
        _select("citus_schema_move(%s, %s, %s)", connection.ops.quote_name(schema), *matching[0])
    except DatabaseError as error:
        raise MoveRefused(f"L'espace « {slug} » est resté sur {current} : {str(error).strip()}") from error
    return matching[0]


def get_node(schema: str) -> Node | None:
    """Return the node that keeps a schema; None where the coordinator alone has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nodename, nodeport FROM pg_dist_schema"
            " JOIN pg_dist_partition ON pg_dist_partition.colocationid = pg_dist_schema.colocationid"
            " JOIN pg_dist_shard USING (logicalrelid) JOIN pg_dist_placement USING (shardid)"
            " JOIN pg_dist_node USING (groupid)"
            " WHERE schemaid = to_regnamespace(%s) AND noderole = 'primary' LIMIT 1",
            [connection.ops.quote_name(schema)],
        )
        row = cursor.fetchone()
        return Node(*row) if row else None


def _keep_locks_in_joins() -> None:
    """Have a join of an office's table with one of the coordinator carried out where the office is.

    By default the office's rows may be brought to the coordinator: the lock that the statement asks for on them is then
    left out without a word.
    """
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
        cursor.execute(f"ALTER DATABASE {name} SET citus.local_table_join_policy = 'prefer-local'")


def _define_on_every_node() -> None:
    """Have the coordinator send each node, and those that are added later, what the tables need there.

    A definition that is repeated on a cluster goes to the nodes.
    """
    functions = _list_declared("functions_on_every_node")
    with connection.cursor() as cursor:
        for extension in _EXTENSIONS:
            cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        cursor.execute("SELECT pg_get_functiondef(name::regprocedure) FROM unnest(%s::text[]) AS name", [functions])
        for (definition,) in cursor.fetchall():
            cursor.execute(definition)


def _list_declared(attribute: str) -> list[str]:
    """Return what the configurations of apps name in an attribute, in the public schema."""
    return [f"public.{name}" for app in apps.get_app_configs() for name in getattr(app, attribute, ())]


def _list_undistributed_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS name"
            " WHERE NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass(name))",
            [_list_declared("tables_on_every_node")],
        )
        return [name for (name,) in cursor.fetchall()]


def _list_undistributed_schemas() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT schemaid::regnamespace::text FROM pg_dist_schema")
        distributed = {name for (name,) in cursor.fetchall()}
    named = Collectivity.objects.order_by("pk").values_list("schema_name", flat=True)
    existing = set(filter_existing(named))
    return [schema for schema in named if schema in existing - distributed]


def _select(call: str, *parameters: str | int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {call}", parameters)
