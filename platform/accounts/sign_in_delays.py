"""Delays between attempts at an account's password: on the sign-in page, and where the password is asked anew.

A known device waits for its own failures alone, a known network for those of the account at that network. Everybody
else also waits for the account's failures elsewhere, and for those of the network. The numbers are reckoned in
docs/decisions/0097. Codes go by the same order of subjects: `accounts.code_delays`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from allauth.account.signals import password_changed, password_reset, password_set
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from accounts import attempt_delays, browser_names, known_origins
from accounts.attempt_delays import CountedAttempt, DelayRule
from accounts.known_origins import NOBODY, Origin, Owner
from accounts.models import KnownOrigin, User

_SECONDS = datetime.timedelta(seconds=1)
_MINUTES = datetime.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class OriginDelays:
    """The rules of what is tried at an account, by where from.

    `by_second_factor`: only devices and networks count as known from which the second factor was passed.
    """

    at_device: DelayRule
    at_network: DelayRule
    of_account: DelayRule
    of_network: DelayRule
    by_second_factor: bool = False

    def begin(
        self, origin: Origin, name: str, owner: Owner, *, elsewhere: Sequence[tuple[DelayRule, str]] = ()
    ) -> CountedAttempt:
        """Count an attempt at the account of a name. Raises `attempt_delays.AttemptTooEarly`.

        `elsewhere`: further subjects of an attempt that no known device makes.
        """
        known = known_origins.find_known(
            origin, device_of=owner, network_of=owner, by_second_factor=self.by_second_factor
        )
        if KnownOrigin.Kind.DEVICE in known:
            return attempt_delays.begin([(self.at_device, f"{origin.device}\n{name}")])
        here = (self.at_network, f"{origin.network}\n{name}")
        if KnownOrigin.Kind.NETWORK in known:
            return attempt_delays.begin([here, *elsewhere])
        return attempt_delays.begin([here, (self.of_account, name), (self.of_network, origin.network), *elsewhere])


PASSWORDS = OriginDelays(
    at_device=DelayRule("sign-in/device", 10, 15 * _MINUTES, first=5 * _SECONDS, longest=15 * _MINUTES),
    at_network=DelayRule("sign-in/here", 5, 15 * _MINUTES, first=5 * _SECONDS, longest=15 * _MINUTES),
    of_account=DelayRule("sign-in/account", 20, 10 * _MINUTES, first=5 * _SECONDS, longest=10 * _MINUTES),
    # High: a school's staff share one address, and the address of a town is shared by all its schools.
    of_network=DelayRule("sign-in/network", 200, 15 * _SECONDS, first=_SECONDS, longest=_MINUTES),
)


def begin_password(request: HttpRequest, username: str, user: User | None) -> CountedAttempt:
    """Count an attempt at the password of a typed username. Raises `attempt_delays.AttemptTooEarly`.

    `user`: the account of that name; for None the same is done, and as many queries.
    """
    owner = get_owner(user) if user is not None else NOBODY
    return PASSWORDS.begin(known_origins.read_origin(request), username.strip().casefold(), owner)


def get_owner(user: User) -> Owner:
    """Return the account as the owner of known origins, which a new password makes unknown."""
    version = salted_hmac("accounts.device.password", user.password, algorithm="sha256").hexdigest()
    return Owner(f"user:{user.pk}", version)


def remember(request: HttpRequest, user: User, *, by_second_factor: bool = False) -> None:
    """Remember the browser and the network of a request that proved to be the user's; its response gets the cookie.

    `by_second_factor`: whether the proof was the second factor.
    """
    owner = get_owner(user)
    origin = known_origins.read_origin(request)
    # Remembered by this request already, whose cookie is older: one device, not two.
    origin = origin._replace(device=getattr(request, "known_device", origin.device))
    origin = known_origins.remember(
        origin,
        device_of=owner,
        network_of=owner,
        by_second_factor=by_second_factor,
        browser=browser_names.describe_browser(request),
    )
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
