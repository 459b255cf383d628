"""The connection of the tables' owner, for migrations: the application may not define anything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import ConnectionHandler


class OwnerUnknown(Exception):
    """`OWNER_DATABASE_URL` is not set. The message says what was to be done, in French."""


def is_owner_connected() -> bool:
    """Return whether this thread's connection is the owner's."""
    owner = settings.DATABASE_OWNER
    return owner is not None and connections[DEFAULT_DB_ALIAS].settings_dict["USER"] == owner["USER"]


@contextlib.contextmanager
def connected_as_owner(what: str, *, database: str = "") -> Iterator[None]:
    """Let this thread's statements go through a connection of the owner for the block; to another database if named.

    `what`: what it is needed for, in French. Raises `OwnerUnknown`.
    """
    if is_owner_connected() and not database:
        yield
        return
    if settings.DATABASE_OWNER is None:
        raise OwnerUnknown(
            f"{what} demande le propriétaire des tables, que l'application n'est pas : "
            "indiquez son adresse dans OWNER_DATABASE_URL (docs/deploy.md)."
        )
    with connected_as(settings.DATABASE_OWNER, database=database):
        yield


@contextlib.contextmanager
def connected_as(role: dict[str, Any], *, database: str = "") -> Iterator[None]:
    """Let this thread's statements go through a connection of a role for the block: to the same database, or another.

    `role`: Django's connection settings.
    """
    usual = connections[DEFAULT_DB_ALIAS]
    # The name of the database is the connection's: tests and benches lead it to their own.
    name = database or usual.settings_dict["NAME"]
    own = ConnectionHandler({DEFAULT_DB_ALIAS: usual.settings_dict | role | {"NAME": name}})
    connections[DEFAULT_DB_ALIAS] = own[DEFAULT_DB_ALIAS]
    try:
        yield
    finally:
        own.close_all()
        connections[DEFAULT_DB_ALIAS] = usual
