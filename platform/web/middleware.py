"""Middleware: sessions bound to one host, and access policies of views."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseNotAllowed

from web.access import get_policy
from web.outage import forget_preliminary_writes

SESSION_HOST_KEY = "host"
_logger = logging.getLogger(__name__)


class HostBoundSessionMiddleware:
    """Rejects at one host a session that was created at another.

    All hosts share one session table, so a cookie copied to another host would be valid there. The host is stored in
    the session when it is first written; at another host the request gets an empty session instead.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request with a session of its own host."""
        host = request.get_host()
        if not request.session.is_empty() and request.session.get(SESSION_HOST_KEY) != host:
            # Not flushed: a copied cookie must not allow anyone to end its owner's session.
            request.session = type(request.session)()
        response = self.get_response(request)
        if request.session.modified and not request.session.is_empty():
            request.session[SESSION_HOST_KEY] = host
        return response


def contains_nul(named: Mapping[str, object]) -> bool:
    """Whether a URL parameter contains NUL, which no stored text can."""
    return any("\x00" in part for part in named.values() if isinstance(part, str))


def _refuse_nul(request: HttpRequest, view: Callable[..., Any]) -> None:
    """Raise `BadRequest` where the path, a parameter, a form field, a header or a cookie contains NUL.

    The body is read where it is a form that Django's own protection of forms has read already.
    """
    named = [request.GET]
    if request.method == "POST" and not getattr(view, "csrf_exempt", False):
        named.append(request.POST)
    texts = (
        request.path_info,
        *(value for name, value in request.META.items() if name.startswith("HTTP_")),
        *(text for item in request.COOKIES.items() for text in item),
        *(text for query in named for name, values in query.lists() for text in (name, *values)),
    )
    if any("\x00" in text for text in texts):
        raise BadRequest("No text of a request holds a NUL.")


class AccessPolicyMiddleware:
    """Applies the access policy of each view; forbids views without one.

    Django's admin is exempt: it checks permissions in each of its views.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; `process_view` checks the access. A refusal has a line that says to which account."""
        response = self.get_response(request)
        if response.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) and request.user.is_authenticated:
            # Django's own line, which has the same number of request, says the address.
            _logger.warning("Answered %s to account %s", response.status_code, request.user.pk)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Return None to run the view, else the response to send instead.

        What is exempt from the redirection to https is refused in the clear. A NUL, which PostgreSQL's `text` cannot
        hold, is a 400 whatever holds it, and TRACE a 405: the API checks both itself, to respond in JSON.
        """
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            return HttpResponseForbidden("HTTPS, please: this call, and its token, went in the clear.\n", "text/plain")
        if not request.path.startswith("/api/"):
            if request.method == "TRACE":
                return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
            _refuse_nul(request, view)
        if request.resolver_match is not None and request.resolver_match.app_names == ["admin"]:
            return None
        policy = get_policy(view)
        if policy is None:
            raise PermissionDenied("This view is opened to nobody.")
        forget_preliminary_writes()
        return policy(request)
