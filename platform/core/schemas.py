"""Which schemas there are, for the machinery that does not know the tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterable


def filter_existing(names: Iterable[str]) -> list[str]:
    """Return those of these schemas that the database has, in order. One query, of the catalogue."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s) ORDER BY 1", [list(names)])
        return [name for (name,) in cursor.fetchall()]
