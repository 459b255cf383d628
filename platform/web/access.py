"""Who may open a view. Every view is closed unless it carries one of these policies.

`web.middleware.ClosedUnlessOpened` reads the policy before the view runs; a view without one is a 403 for everybody,
and a test that walks the URL configuration names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from django.contrib.auth.views import redirect_to_login

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

V = TypeVar("V", bound="Callable[..., object]")


class Policy(Protocol):
    """Decides about one request: None lets it through, a response or an exception ends it."""

    #: What the policy is called in the table of doors: « public », « signed in », « office: manager ».
    label: str

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Return None to let the request through, else the answer to give in the view's place."""


class Public:
    """Anybody."""

    label = "public"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Let everybody through."""
        return None


class SignedIn:
    """Whoever has signed in at this host."""

    label = "signed in"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Send visitors to the sign-in page, and back afterwards."""
        return None if request.user.is_authenticated else redirect_to_login(request.get_full_path())


def opened(policy: Policy) -> Callable[[V], V]:
    """Return a decorator that opens a view to those whom `policy` lets through."""

    def mark(view: V) -> V:
        view.access_policy = policy  # type: ignore[attr-defined]
        return view

    return mark


public_page = opened(Public())
signed_in = opened(SignedIn())


def policy_of(view: object) -> Policy | None:
    """Return the policy that a view, or the class it was made from, carries."""
    for bearer in (view, getattr(view, "view_class", None), getattr(view, "cls", None)):
        policy: Policy | None = getattr(bearer, "access_policy", None)
        if policy is not None:
            return policy
    return None
