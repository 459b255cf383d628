"""Rows of the public schema that a statement on an office's tables is given, instead of naming their tables.

The public schema and an office's may lie on two nodes: no statement names a table of both (docs/decisions/0165). What
an office's statement needs of the other is read first, and passed as arrays, of which it makes a table again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.tenant_connection import connection


@dataclass(frozen=True, slots=True)
class PublicRows:
    """A query of the public schema, whose rows other statements read under a name."""

    name: str
    #: The columns of the query, in order, with their types in SQL.
    columns: Mapping[str, str]
    #: May ask for `%(schema)s`, the office's, beside the parameters of `read`.
    query: str

    @property
    def cte(self) -> str:
        """What stands in the WITH of a statement that reads these rows and has the parameters of `read`."""
        arrays = ", ".join(f"%({self.name}_{column})s::{kind}[]" for column, kind in self.columns.items())
        return f"{self.name} ({', '.join(self.columns)}) AS (SELECT * FROM unnest({arrays}))"  # noqa: S608 - names of our own

    def read(self, parameters: Mapping[str, Any] | None = None) -> dict[str, str | None]:
        """Return the rows as parameters for `cte`. One query, in the public schema's tables alone.

        Arrays in PostgreSQL's own spelling, which nobody parses here: 20,000 rows become no objects.
        """
        arrays = ", ".join(f"array_agg({column})::text" for column in self.columns)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {arrays} FROM ({self.query}) AS listed ({', '.join(self.columns)})",  # noqa: S608 - our own queries
                {"schema": connection.schema_name, **(parameters or {})},
            )
            row = cursor.fetchone() or ()
        return {f"{self.name}_{column}": array for column, array in zip(self.columns, row, strict=True)}
