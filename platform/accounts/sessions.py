"""Session store: Django's, with an `account` column by which all sessions of an account can be ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions

if TYPE_CHECKING:
    from accounts.models import Session


class SessionStore(DatabaseSessions):
    """Django's database sessions, with the account of each."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the model of the rows."""
        from accounts.models import Session  # noqa: PLC0415 - the model names its store

        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row to save, with the primary key of the account that is signed in, if any."""
        row = cast("Session", super().create_model_instance(data))
        account = data.get(SESSION_KEY)
        row.account = int(account) if account is not None else None
        return row
