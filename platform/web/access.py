"""Access policies of views. A view without a policy is forbidden to everybody.

`web.middleware.AccessPolicyMiddleware` applies the policy before the view runs; a test checks that every URL of the
project has one.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse

V = TypeVar("V", bound="Callable[..., object]")


class Policy(Protocol):
    """Checks a request: returns None to allow it, a response to replace the view's, or raises."""

    #: Name in the access table of the tests: « public », « signed in », « office: manager ».
    label: str

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Return None to allow the request, else the response to send instead of the view's."""


class Public:
    """Allows everybody."""

    label = "public"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Return None."""
        return None


class SignedIn:
    """Allows users who are signed in at this host."""

    label = "signed in"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Redirect anonymous users to the sign-in page, which leads back here."""
        return None if request.user.is_authenticated else redirect_to_login(request.get_full_path())


def require_policy(policy: Policy) -> Callable[[V], V]:
    """Return a decorator that sets the access policy of a view."""

    def decorate(view: V) -> V:
        view.access_policy = policy  # type: ignore[attr-defined]
        return view

    return decorate


public_page = require_policy(Public())
signed_in = require_policy(SignedIn())


def get_policy(view: object) -> Policy | None:
    """Return the policy of a view or of its view class; None if there is none."""
    for candidate in (view, getattr(view, "view_class", None), getattr(view, "cls", None)):
        policy: Policy | None = getattr(candidate, "access_policy", None)
        if policy is not None:
            return policy
    return None
