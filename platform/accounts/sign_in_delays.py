"""Delays between attempts at an account's password: on the sign-in page, and where the password is asked anew.

A known device waits for its own failures alone, a known network for those of the account at that network. Everybody
else also waits for the account's failures elsewhere, and for those of the network. The numbers are reckoned in
docs/decisions/0097.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, cast

from allauth.account.signals import password_changed, password_reset, password_set
from django.dispatch import receiver
from django.utils.crypto import salted_hmac

from accounts import attempt_delays, known_origins
from accounts.attempt_delays import DelayRule
from accounts.known_origins import NOBODY, Owner
from accounts.models import KnownOrigin

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from accounts.attempt_delays import CountedAttempt
    from accounts.models import User

_SECONDS = datetime.timedelta(seconds=1)
_MINUTES = datetime.timedelta(minutes=1)
AT_DEVICE = DelayRule("sign-in/device", 10, 15 * _MINUTES, first=5 * _SECONDS, longest=15 * _MINUTES)
AT_NETWORK = DelayRule("sign-in/here", 5, 15 * _MINUTES, first=5 * _SECONDS, longest=15 * _MINUTES)
OF_ACCOUNT = DelayRule("sign-in/account", 20, 10 * _MINUTES, first=5 * _SECONDS, longest=10 * _MINUTES)
#: High: a school's staff share one address, and the address of a town is shared by all its schools.
OF_NETWORK = DelayRule("sign-in/network", 200, 15 * _SECONDS, first=_SECONDS, longest=_MINUTES)


def begin(request: HttpRequest, username: str, user: User | None) -> CountedAttempt:
    """Count an attempt at the password of a typed username. Raises `attempt_delays.AttemptTooEarly`.

    `user`: the account of that name; for None the same is done, and as many queries.
    """
    name = username.strip().casefold()
    origin = known_origins.read_origin(request)
    owner = get_owner(user) if user is not None else NOBODY
    known = known_origins.find_known(origin, device_of=owner, network_of=owner)
    if KnownOrigin.Kind.DEVICE in known:
        return attempt_delays.begin([(AT_DEVICE, f"{origin.device}\n{name}")])
    here = (AT_NETWORK, f"{origin.network}\n{name}")
    if KnownOrigin.Kind.NETWORK in known:
        return attempt_delays.begin([here])
    return attempt_delays.begin([here, (OF_ACCOUNT, name), (OF_NETWORK, origin.network)])


def get_owner(user: User) -> Owner:
    """Return the account as the owner of known origins, which a new password makes unknown."""
    version = salted_hmac("accounts.device.password", user.password, algorithm="sha256").hexdigest()
    return Owner(f"user:{user.pk}", version)


def remember(request: HttpRequest, user: User) -> None:
    """Remember the browser and the network of a request that proved to be the user's; its response gets the cookie."""
    owner = get_owner(user)
    origin = known_origins.remember(known_origins.read_origin(request), device_of=owner, network_of=owner)
    cast("Any", request).known_device = origin.device


@receiver([password_reset, password_changed, password_set])
def remember_after_new_password(request: HttpRequest, user: User, **_: Any) -> None:
    """Remember the browser in which the new password was chosen."""
    remember(request, user)


class AttemptResponseMiddleware:
    """Completes the responses to attempts: 429 and `Retry-After` to a refused one, the device's cookie to a success."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request and complete its response."""
        response = self.get_response(request)
        retry_after = getattr(request, "retry_after", None)
        if retry_after is not None:
            response.status_code = 429
            response["Retry-After"] = str(retry_after)
        device = getattr(request, "known_device", None)
        if device is not None:
            known_origins.set_cookie(response, device)
        return response
