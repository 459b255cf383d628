"""Where sessions are kept: Django's table with one column more, by which an account's sessions end all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions

if TYPE_CHECKING:
    from accounts.models import Session


class SessionStore(DatabaseSessions):
    """Django's sessions in the database, which say whose they are."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the model of the rows."""
        from accounts.models import Session  # noqa: PLC0415 - the model names its store

        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row to be stored, with the number of the account that is signed in, if one is."""
        row: Session = super().create_model_instance(data)  # type: ignore[assignment]
        account = data.get(SESSION_KEY)
        row.account = int(account) if account is not None else None
        return row
