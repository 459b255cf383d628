"""Django's PostgreSQL backend with two errors of its own: no connection, and a COMMIT without an answer.

django-tenants' backend extends it (`ORIGINAL_BACKEND`). Django calls both by one name, `OperationalError`; but where no
connection could be opened nothing was done, and where the answer to COMMIT was lost everything may have been.
"""

from django.db import OperationalError
from django.db.backends.postgresql import base

#: Classes of SQLSTATE after which the connection is lost: its own exceptions, a server that shuts down or crashed.
_LOST = ("08", "57P")


class DatabaseUnreachable(OperationalError):
    """No connection could be opened: nothing was sent."""


class CommitUnanswered(OperationalError):
    """The connection was lost while the server committed: the transaction exists in full or not at all."""


def is_lost(error: BaseException) -> bool:
    """Whether a driver's error, or Django's of it, says that the connection is gone."""
    state: str | None = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(_LOST)


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend; `may_have_written` says whether a commit was asked for since it was last set to False."""

    may_have_written = False

    def ensure_connection(self) -> None:
        """Open a connection where there is none. Raises `DatabaseUnreachable`."""
        try:
            super().ensure_connection()
        except OperationalError as error:
            raise DatabaseUnreachable(*error.args) from error.__cause__

    def _commit(self) -> None:
        """Commit. Raises `CommitUnanswered` where the connection is lost meanwhile."""
        self.may_have_written = True
        try:
            super()._commit()  # type: ignore[misc]  # private in Django, and the only place that knows
        except OperationalError as error:
            if is_lost(error):
                raise CommitUnanswered(*error.args) from error.__cause__
            raise
