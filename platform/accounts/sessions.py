"""Session store: Django's, whose rows hold a hash of the cookie's key, the account and the last activity.

A copy of the table opens no session: the cookie's key cannot be computed from its hash. Nor does a row that was written
in the database with another session's data: the data is signed for its row.
"""

from __future__ import annotations

import datetime
import functools
from typing import Any, ClassVar, cast

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from core.links import hash_token
from core.models import JoinedQuery


class Session(AbstractBaseSession):
    """A session, with the account signed in to it, if any. Its primary key is a hash of the cookie's key.

    `account` is no foreign key: sessions are inserted and deleted by the thousand, and expire by themselves.
    """

    session_key = models.CharField(max_length=64, primary_key=True)
    account = models.BigIntegerField(null=True)
    # Last activity, to the minute.
    seen_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(name="session_of_account", fields=["account"], condition=Q(account__isnull=False))
        ]

    def __str__(self) -> str:
        return f"Session until {self.expire_date}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        """Return the store that writes these rows."""
        return SessionStore

    def get_decoded(self) -> dict[str, Any]:
        """Return the session's data, or nothing where it was signed for another row."""
        store = SessionStore()
        store.row_key = self.session_key
        return store.decode(self.session_data)


@functools.cache
def _query_with_account() -> JoinedQuery:
    """Return the query of a session's row and its account: nearly every page asks for both."""
    return JoinedQuery(
        "SELECT {columns} FROM public.accounts_session AS session"
        " LEFT JOIN public.accounts_user AS account ON account.id = session.account"
        " WHERE session.session_key = %s AND session.expire_date > %s",
        session=Session,
        account=get_user_model(),
    )


class SessionStore(DatabaseSessions):
    """Django's database sessions, under a hash of their key, with the account and the last activity of each."""

    #: When the session was last used, as the loaded row says it; None before the row is loaded.
    seen_at: datetime.datetime | None = None
    #: The account of the loaded row, as its column says it: the signed data decides whose session it is.
    account: AbstractBaseUser | None = None
    #: Primary key of the row whose data is read, where the cookie's key is not known.
    row_key: str = ""

    @property
    def key_salt(self) -> str:
        """Return the salt of the data's signature: under another key it is refused as altered."""
        return f"accounts.session.{self.row_key or hash_token(self.session_key or '')}"

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the model of the rows."""
        return Session

    @sensitive_variables()
    def load(self) -> dict[str, Any]:
        """Return the stored data; without a valid row, forget the key, so that the next save makes a new one."""
        found = (
            _query_with_account().first([hash_token(self.session_key), timezone.now()]) if self.session_key else None
        )
        if found is None:
            self._session_key = None
            return {}
        row, self.account = found
        self.seen_at = row.seen_at
        return self.decode(row.session_data)

    def exists(self, session_key: str) -> bool:
        """Return whether a row has this key."""
        return self.get_model_class().objects.filter(pk=hash_token(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row to save, with the primary key of the account that is signed in, if any."""
        row = cast("Session", super().create_model_instance(data))
        row.session_key = hash_token(row.session_key)
        account = data.get(SESSION_KEY)
        row.account = int(account) if account is not None else None
        self.seen_at = row.seen_at = timezone.now()
        return row

    def delete(self, session_key: str | None = None) -> None:
        """Delete the row of a key, by default of this session's."""
        key = session_key or self.session_key
        if key:
            self.get_model_class().objects.filter(pk=hash_token(key)).delete()

    def touch(self, at: datetime.datetime) -> None:
        """Record the activity, in its column alone: the data may be changed by another request meanwhile."""
        if self.session_key:
            self.get_model_class().objects.filter(pk=hash_token(self.session_key)).update(seen_at=at)
            self.seen_at = at

    # Django's asynchronous variants would use the key itself; those of the base class call the methods above.
    aload = SessionBase.aload
    aexists = SessionBase.aexists
    acreate = SessionBase.acreate
    asave = SessionBase.asave
    adelete = SessionBase.adelete
