"""The devices where an account is signed in, and how long their sessions last.

Ending a session deletes its row: the next request finds nothing under its cookie. A session that another request has
loaded meanwhile is not written again (`SessionStore.save` updates, and never inserts, the row of a known key).
"""

import datetime
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user, logout
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models import Q
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from accounts import account_journal, attempt_delays, known_origins, second_factor
from accounts.adapter import is_portal
from accounts.emails import clean_host
from accounts.known_origins import MAX_AGE, UNKNOWN_BROWSER, Origin
from accounts.models import AccountEvent, KnownOrigin, User, lock_account
from accounts.sessions import Session, SessionStore
from core.formatting import pluralize
from core.links import hash_token
from web.middleware import SESSION_HOST_KEY

# How long a session lasts, by host: hours in the offices and for the operator, two weeks at the portal.
#
# The last activity is written once a minute at most, in a column of its own (`SessionStore.touch`).

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
    request.session[SIGNED_IN_FROM] = [origin.network, known_origins.describe_browser(request)]


class SessionAccountMiddleware(AuthenticationMiddleware):
    """Django's, whose user was read with the session's row."""

    def process_request(self, request: HttpRequest) -> None:
        """Set the user of the request, who is looked for when asked for."""
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _find_user(request))  # type: ignore[assignment]  # as Django does


def _find_user(request: HttpRequest) -> User | AnonymousUser:
    """Return the account read with the session where Django would return it, too; else what Django does."""
    session = cast("SessionStore", request.session)
    backend = session.get(BACKEND_SESSION_KEY)  # reads the row
    user = cast("User | None", session.account)
    is_own = user is not None and user.is_active and session.get(SESSION_KEY) == str(user.pk)
    if user is None or not is_own or backend not in settings.AUTHENTICATION_BACKENDS:
        return get_user(request)
    is_current = constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
    # Django ends the session of an earlier password, and renews one of an earlier secret key.
    return user if is_current else get_user(request)


class AccountSessionMiddleware:
    """Ends sessions that were idle for too long, or whose sign-in is too old, and completes responses to attempts.

    A refused attempt is a 429 with `Retry-After`, a success gets the device's cookie. After the authentication and the
    messages, and inside of allauth's middleware, which looks at the status.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request, signed out if its session has ended, and complete its response."""
        session = cast("SessionStore", request.session)
        # The emptiness first: it reads nothing, and leaves the pages of visitors without `Vary: Cookie`.
        if not session.is_empty() and session.get(SESSION_KEY) is not None and request.user.is_authenticated:
            now = timezone.now()
            if has_ended(request, now):
                logout(request)
                messages.info(request, "votre session a pris fin, par sécurité : connectez-vous à nouveau.")
            elif session.seen_at is None or now - session.seen_at >= TOUCH_INTERVAL:
                session.touch(now)
        response = self.get_response(request)
        if (retry_after := getattr(request, "retry_after", None)) is not None:
            response.status_code = 429
            response["Retry-After"] = str(retry_after)
        if (device := getattr(request, "known_device", None)) is not None:
            known_origins.set_cookie(response, device)
        return response


def has_ended(request: HttpRequest, at: datetime.datetime) -> bool:
    """Return whether the session of a signed-in user was idle for too long or is too old."""
    session = cast("SessionStore", request.session)
    signed_in_at = read_sign_in_time(session)
    lifetime = get_lifetime(cast("User", request.user), at_portal=is_portal(request))
    return lifetime.is_over(signed_in_at=signed_in_at, seen_at=session.seen_at or signed_in_at, at=at)


def read_sign_in_time(data: Mapping[str, Any] | SessionStore) -> datetime.datetime:
    """Return the time of the sign-in from a session's data; that of 1970 where there is none."""
    return datetime.datetime.fromtimestamp(data.get(SIGNED_IN_AT, 0), datetime.UTC)


class OpenSession(NamedTuple):
    """A session that is signed in to the account. `network` is empty for one of before it was recorded."""

    key: str
    host: str
    browser: str
    network: str
    signed_in_at: datetime.datetime
    seen_at: datetime.datetime

    @property
    def is_at_portal(self) -> bool:
        """Whether it is open at the portal, else at an office."""
        return self.host == settings.BASE_DOMAIN

    @property
    def site(self) -> str:
        """The site it is open at, as its owner knows it."""
        return "portail" if self.is_at_portal else f"bureau {self.host}"


def list_sessions(user: User, *, at: datetime.datetime) -> list[OpenSession]:
    """Return the account's sessions that a request may still use, the last active first. One query."""
    rows = Session.objects.filter(account=user.pk, expire_date__gt=at).order_by("-seen_at", "pk")
    return [opened for row in rows if (opened := _read_session(row, user, at)) is not None]


def list_devices(user: User, *, at: datetime.datetime) -> list[KnownOrigin]:
    """Return the account's known devices, the last used first. One query."""
    owner = attempt_delays.get_owner(user)
    return list(
        KnownOrigin.objects.filter(
            Q(version=owner.version) | Q(by_second_factor=True),
            owner=owner.key,
            kind=KnownOrigin.Kind.DEVICE,
            seen_at__gt=at - MAX_AGE[KnownOrigin.Kind.DEVICE],
        ).order_by("-seen_at", "pk")
    )


def is_device_of(origin: Origin, device: KnownOrigin, user: User) -> bool:
    """Return whether the device is the one that a request comes from."""
    owner = attempt_delays.get_owner(user)
    return device.digest == known_origins.compute_digest(KnownOrigin.Kind.DEVICE, origin.device, owner)


@transaction.atomic
def end_session(*, user: User, key: str, at: datetime.datetime) -> bool:
    """End one of the account's sessions; return whether there was such a one."""
    lock_account(user.pk)
    row = Session.objects.filter(pk=key, account=user.pk).first()
    if row is None:
        return False
    opened = _read_session(row, user, at)
    row.delete()
    if opened is not None:
        account_journal.record_event(
            AccountEvent.Action.SESSION_ENDED, user=user, at=at, details=f"{opened.browser}, {opened.site}."
        )
    return True


@transaction.atomic
def forget_device(*, user: User, device_id: str, at: datetime.datetime) -> bool:
    """Forget one of the account's known devices; return whether there was such a one."""
    lock_account(user.pk)
    # Compared as text: what a form sends may be no number.
    device = next((one for one in list_devices(user, at=at) if str(one.pk) == device_id), None)
    if device is None:
        return False
    device.delete()
    account_journal.record_event(
        AccountEvent.Action.DEVICE_FORGOTTEN, user=user, at=at, details=f"{device.browser or UNKNOWN_BROWSER}."
    )
    return True


@transaction.atomic
def end_others(*, user: User, session_key: str, origin: Origin, at: datetime.datetime) -> int:
    """End all sessions but one, forget all devices and networks but its own; return how many sessions ended.

    The caller keeps its own session by `update_session_auth_hash`.
    """
    lock_account(user.pk)
    others = [one for one in list_sessions(user, at=at) if one.key != hash_token(session_key)]
    Session.objects.filter(account=user.pk).exclude(pk=hash_token(session_key)).delete()
    # Also those that are signed in at this moment and have no row yet.
    second_factor.end_other_sessions(user)
    owner = attempt_delays.get_owner(user)
    own = [
        known_origins.compute_digest(KnownOrigin.Kind.DEVICE, origin.device, owner),
        known_origins.compute_digest(KnownOrigin.Kind.NETWORK, origin.network, owner),
    ]
    KnownOrigin.objects.filter(owner=owner.key).exclude(digest__in=own).delete()
    details = f"toutes les autres ({pluralize(len(others), 'session', 'sessions')}) ; autres appareils oubliés."
    account_journal.record_event(AccountEvent.Action.SESSION_ENDED, user=user, at=at, details=details)
    return len(others)


def _read_session(row: Session, user: User, at: datetime.datetime) -> OpenSession | None:
    """Return what a row says; None where no request may use it: too old, idle, or of another password."""
    data: dict[str, Any] = row.get_decoded()
    if not _has_current_hash(data, user):
        return None
    host = clean_host(data.get(SESSION_HOST_KEY, ""))
    signed_in_at = read_sign_in_time(data)
    lifetime = get_lifetime(user, at_portal=host == settings.BASE_DOMAIN)
    if lifetime.is_over(signed_in_at=signed_in_at, seen_at=row.seen_at, at=at):
        return None
    network, browser = data.get(SIGNED_IN_FROM, ["", UNKNOWN_BROWSER])
    return OpenSession(row.pk, host, browser, network, signed_in_at, row.seen_at)


def _has_current_hash(data: dict[str, Any], user: User) -> bool:
    stored = str(data.get(HASH_SESSION_KEY, ""))
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(stored, current) for current in hashes)
