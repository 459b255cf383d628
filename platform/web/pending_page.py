"""A page that waits for its visitor while they sign in, confirm an address or choose a new password.

Kept in the session: each page on the way says what waits (`{% pending_page_notice %}`), and signing in leads there.
"""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils import timezone

_SESSION_KEY = "pending_page"
#: A computer may be shared: what somebody left there waits for a day.
KEPT_FOR = datetime.timedelta(days=1)


class PendingPage(NamedTuple):
    """The path to go back to, and what waits there, as a French sentence."""

    path: str
    sentence: str


def keep_pending_page(request: HttpRequest, page: PendingPage) -> None:
    """Have the visitor come back to this page once they are signed in; it replaces another one."""
    request.session[_SESSION_KEY] = [*page, timezone.now().timestamp()]


def get_pending_page(request: HttpRequest) -> PendingPage | None:
    """Return the page that waits for the visitor, if any."""
    # The emptiness first: it reads nothing, and leaves the pages of visitors without `Vary: Cookie`.
    session = getattr(request, "session", None)
    kept: list[Any] | None = None if session is None or session.is_empty() else session.get(_SESSION_KEY)
    if kept is None:
        return None
    path, sentence, kept_at = kept
    if timezone.now().timestamp() - kept_at > KEPT_FOR.total_seconds():
        return None
    return PendingPage(path, sentence)


def forget_pending_page(request: HttpRequest) -> None:
    """Remove the page that waited."""
    request.session.pop(_SESSION_KEY, None)
