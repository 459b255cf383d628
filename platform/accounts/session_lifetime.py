"""How long a session lasts, by host: hours in the offices and for the operator, two weeks at the portal.

The last activity is written once a minute at most, in a column of its own (`SessionStore.touch`).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import browser_names, known_origins
from accounts.adapter import is_portal
from accounts.models import User
from accounts.sessions import SessionStore

#: Session key of the sign-in's time, in seconds since the epoch.
SIGNED_IN_AT = "signed_in_at"
#: How far the stored last activity may lag behind.
TOUCH_INTERVAL = datetime.timedelta(minutes=1)


class Lifetime(NamedTuple):
    """Longest time without activity, and longest time after the sign-in."""

    idle: datetime.timedelta
    absolute: datetime.timedelta

    def is_over(self, *, signed_in_at: datetime.datetime, seen_at: datetime.datetime, at: datetime.datetime) -> bool:
        """Return whether a session of this sign-in and last activity has ended."""
        return at - signed_in_at >= self.absolute or at - seen_at >= self.idle


#: Session key of where the sign-in came from: the network, and the browser as its owner reads it.
SIGNED_IN_FROM = "signed_in_from"

AT_WORK = Lifetime(idle=datetime.timedelta(hours=3), absolute=datetime.timedelta(hours=12))
AT_PORTAL = Lifetime(idle=datetime.timedelta(days=14), absolute=datetime.timedelta(days=14))


def get_lifetime(user: User, *, at_portal: bool) -> Lifetime:
    """Return the lifetime of a user's sessions at the portal, or at an office."""
    return AT_PORTAL if at_portal and not user.is_staff else AT_WORK


@receiver(user_logged_in)
def record_sign_in(request: HttpRequest, **_kwargs: Any) -> None:
    """Record the time of the sign-in, from which the absolute lifetime runs, and where it came from."""
    request.session[SIGNED_IN_AT] = timezone.now().timestamp()
    origin = known_origins.read_origin(request)
    request.session[SIGNED_IN_FROM] = [origin.network, browser_names.describe_browser(request)]


class SessionLifetimeMiddleware:
    """Ends sessions that were idle for too long, or whose sign-in is too old. After the authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request, signed out if its session has ended."""
        session = cast("SessionStore", request.session)
        # The emptiness first: it reads nothing, and leaves the pages of visitors without `Vary: Cookie`.
        if not session.is_empty() and session.get(SESSION_KEY) is not None and request.user.is_authenticated:
            now = timezone.now()
            if has_ended(request, now):
                logout(request)
                messages.info(request, "votre session a pris fin, par sécurité : connectez-vous à nouveau.")
            elif session.seen_at is None or now - session.seen_at >= TOUCH_INTERVAL:
                session.touch(now)
        return self.get_response(request)


def has_ended(request: HttpRequest, at: datetime.datetime) -> bool:
    """Return whether the session of a signed-in user was idle for too long or is too old."""
    session = cast("SessionStore", request.session)
    signed_in_at = read_sign_in_time(session)
    lifetime = get_lifetime(cast("User", request.user), at_portal=is_portal(request))
    return lifetime.is_over(signed_in_at=signed_in_at, seen_at=session.seen_at or signed_in_at, at=at)


def read_sign_in_time(data: Mapping[str, Any] | SessionStore) -> datetime.datetime:
    """Return the time of the sign-in from a session's data; that of 1970 where there is none."""
    return datetime.datetime.fromtimestamp(data.get(SIGNED_IN_AT, 0), datetime.UTC)
