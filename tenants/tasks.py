"""The task of this app: a new office goes to a node of the cluster."""

from __future__ import annotations

from core.tenant_connection import connection
from jobs.tasks import task
from tenants import cluster


@task(name=cluster.PLACE)
def place() -> None:
    """Put the current schema on a node, where it is on none."""
    cluster.place(connection.schema_name)
