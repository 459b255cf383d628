"""Record the statements by which a block changes a schema, so that they can be replayed in other schemas."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

#: Statements that only read, or that belong to the recorded session.
_SKIPPED = re.compile(
    r"\s*(SELECT|SET\s+(?!CONSTRAINTS)|SHOW|RESET|SAVEPOINT|RELEASE|ROLLBACK|BEGIN|COMMIT)\b", re.IGNORECASE
)
_BOOKKEEPING = 'INSERT INTO "django_migrations"'


def is_recorded(statement: str) -> bool:
    """Return whether a statement is recorded: neither what only reads nor Django's rows of `django_migrations` are."""
    return not _SKIPPED.match(statement) and not statement.startswith(_BOOKKEEPING)


def record_statements(statements: list[str]) -> Callable[..., Any]:
    """Return an `execute_wrapper` that adds every statement that writes, with its parameters in it, to the list."""

    def wrapper(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: FBT001 - Django's signature
        text = str(sql)
        if is_recorded(text):
            rows = (params if many else [params]) if params else [None]
            for row in rows:
                statement = context["cursor"].cursor.mogrify(text, row) if row else text
                statements.append(statement.strip().rstrip(";"))
        return execute(sql, params, many, context)

    return wrapper
