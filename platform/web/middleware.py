"""What stands before every view: one host a session, and doors that are closed unless opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404

from web.access import policy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest, HttpResponse

SESSION_HOST = "opened_at"


class SessionOfOneHost:
    """Refuses at one host a session that was opened at another.

    One session table serves all hosts, so a cookie carried by hand to another host would name a session there. The
    host is written into the session when it first holds something, and a session met at another host is left alone
    and replaced by an empty one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request with a session that belongs to its host."""
        host = request.get_host()
        if not request.session.is_empty() and request.session.get(SESSION_HOST) != host:
            # Not flushed: whoever carries the cookie about must not be able to end its owner's session.
            request.session = type(request.session)()
        response = self.get_response(request)
        if request.session.modified and not request.session.is_empty():
            request.session[SESSION_HOST] = host
        return response


def names_nothing(named: Mapping[str, object]) -> bool:
    """Whether a part of an address cannot be the name of anything."""
    return any("\x00" in part for part in named.values() if isinstance(part, str))


class ClosedUnlessOpened:
    """Asks the view's policy before it runs; refuses views that carry none.

    Django's admin checks each of its views itself and is let through by name.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; the decision falls in `process_view`."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Return None to let the view run, else the answer to give in its place.

        What an address names stands in the database, whose texts hold no NUL: with one in it, it names nothing. The
        API says so itself, in JSON.
        """
        if not request.path.startswith("/api/") and names_nothing(kwargs):
            raise Http404("An address holds no NUL.")
        if request.resolver_match is not None and request.resolver_match.app_names == ["admin"]:
            return None
        policy = policy_of(view)
        if policy is None:
            raise PermissionDenied("This view is opened to nobody.")
        return policy(request)
