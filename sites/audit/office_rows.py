"""What the rules of one schema are given: its name, the moment, and public rows, read once for the first rule.

As parameters: a node that keeps an office knows neither a setting of the session nor the schema it is in.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from core.connections import connection
from core.schemas import PublicRows
from sites.audit.public_rows import NAMED


class OfficeRows:
    """What was read of the public schema for the current one; `collectivity`: None for the portal's own outbox."""

    def __init__(self, *, collectivity: int | None, at: datetime.datetime) -> None:
        self._collectivity = collectivity
        self._at = at
        self._named: dict[str, list[Any]] | None = None
        self._read: dict[str, dict[str, str | None]] = {}

    def read(self, wanted: Iterable[PublicRows]) -> dict[str, Any]:
        """Return the parameters of a rule that reads these rows."""
        parameters: dict[str, Any] = {
            "collectivity": self._collectivity,
            "schema": connection.schema_name,
            "audited_at": self._at,
        }
        for rows in wanted:
            if rows.name not in self._read:
                self._read[rows.name] = rows.read({**parameters, **self._list_named()})
            parameters |= self._read[rows.name]
        return parameters

    def _list_named(self) -> dict[str, list[Any]]:
        """Return what the schema names of the public one. One query, of its own tables."""
        if self._named is None:
            # The portal has an outbox, and no other table of an office.
            asked = NAMED if self._collectivity is not None else {"waiting_addresses": NAMED["waiting_addresses"]}
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {', '.join(f'ARRAY({query})' for query in asked.values())}")
                self._named = dict(zip(asked, cursor.fetchone() or (), strict=True))
        return self._named
