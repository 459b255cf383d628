"""Middlewares of pages: what is recorded of a request, its session and headers, typography, access policies."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django_tenants.utils import get_public_schema_name
from prometheus_client import Histogram, Summary

from core.formatting import curl_apostrophes_in_html
from core.telemetry import begin_log_context, end_log_context, set_failed, trace
from web.access import get_policy
from web.outage import forget_preliminary_writes


class HostCookieStorage(CookieStorage):
    """Messages in a cookie, which no other host of the domain can set where it is sent over https."""

    cookie_name = "__Host-messages" if settings.SECURE else "messages"


class HostMessageStorage(FallbackStorage):
    """Messages in the cookie; in the session where they are too long for it."""

    storage_classes = (HostCookieStorage, SessionStorage)


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_FAULT = 500


#: By route without buckets, of which a thousand routes would make too many series; by part of the site with them.
ROUTES = Summary("peps_request_seconds", "Requests by the name of their route.", ["route", "status"])
SITES = Histogram(
    "peps_site_request_seconds",
    "Requests by the part of the site: portal, office, api, back_office, static, none.",
    ["site", "status"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
#: What no route answers: unknown paths and hosts, static files, redirects to TLS.
NO_ROUTE = "none"


HEADER = "X-Request-ID"
_GIVEN_IN = "HTTP_X_REQUEST_ID"
#: What a proxy in front may have given: nothing that a line of a log, or a search in it, would take for something else.
_GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestRecordMiddleware:
    """Numbers and times every request but those of `/sante/`; traces those but for static files, if there is a tracer.

    The number is the one that the request came with, or a new one: it finds the lines of the log, and the trace.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request, and set the header of its response."""
        started = time.perf_counter()
        given = request.META.get(_GIVEN_IN, "")  # not `headers`, which reads them all
        number = given if _GIVEN.fullmatch(given) else uuid.uuid4().hex
        # Until the response is closed: Django logs refusals and faults outside of the middleware.
        begin_log_context(request=number)
        if request.path_info.startswith(settings.STATIC_URL):
            response = self.get_response(request)
        else:
            response = self._trace(request, number)
        response[HEADER] = number
        status = f"{response.status_code // 100}xx"
        match = request.resolver_match
        seconds = time.perf_counter() - started
        ROUTES.labels(match.view_name if match is not None else NO_ROUTE, status).observe(seconds)
        SITES.labels(_get_site(request), status).observe(seconds)
        return response

    def _trace(self, request: HttpRequest, number: str) -> HttpResponse:
        method = next((name for name in _METHODS if name == request.method), "_OTHER")
        with trace(method, {"http.request.method": method, "peps.request": number}) as span:
            response = self.get_response(request)
            if span is not None:
                span.set_attribute("http.response.status_code", response.status_code)
                if request.resolver_match is not None:
                    route = f"/{request.resolver_match.route}"
                    span.set_attribute("http.route", route)
                    span.update_name(f"{method} {route}")
                if response.status_code >= _FAULT:
                    set_failed(span, str(response.status_code))
        return response


@receiver(request_finished)
def _forget(**_: object) -> None:
    end_log_context()


def _get_site(request: HttpRequest) -> str:
    """Return the part of the site that a request is for."""
    for prefix, site in ((settings.STATIC_URL, "static"), ("/api/", "api"), ("/admin/", "back_office")):
        if request.path_info.startswith(prefix):
            return site
    tenant = getattr(request, "tenant", None)
    if tenant is None:
        return "none"
    return "portal" if tenant.schema_name == get_public_schema_name() else "office"


class TypographyMiddleware:
    """Writes « ’ » for the straight apostrophes in the text of HTML pages and fragments.

    Sentences come from templates, messages, forms, exceptions and libraries: their source keeps the apostrophe of the
    keyboard. Attributes, code and the fields that somebody fills in are left as they are.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response, its text in French typography."""
        response = self.get_response(request)
        if isinstance(response, HttpResponse) and response.headers.get("Content-Type", "").startswith("text/html"):
            html = response.content.decode(response.charset)
            response.content = curl_apostrophes_in_html(html).encode(response.charset)
        return response


#: Browser features that no page uses. A page that is broken into, or one in a frame, gets none of them.
UNUSED_FEATURES = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "geolocation",
    "gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "screen-wake-lock",
    "serial", "sync-xhr", "usb", "xr-spatial-tracking",
)  # fmt: skip
#: Passkeys are made and used by our own pages alone.
_OWN_FEATURES = ("publickey-credentials-create", "publickey-credentials-get")
PERMISSIONS_POLICY = ", ".join(
    [f"{name}=()" for name in UNUSED_FEATURES] + [f"{name}=(self)" for name in _OWN_FEATURES]
)


SESSION_HOST_KEY = "host"


class HostSessionMiddleware:
    """Rejects at one host a session that was created at another, and sets the headers that sessions and scripts need.

    All hosts share one session table, so a cookie copied to another host would be valid there. The host is stored in
    the session when it is first written; at another host the request gets an empty session instead. Right inside the
    session middleware, so that it sees what the session became.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request with a session of its own host and set the headers of its response."""
        host = request.get_host()
        # A session that ends in this request counts too. Neither reads the session, nor makes the page vary by cookie.
        had_session = not request.session.is_empty()
        if had_session and request.session.get(SESSION_HOST_KEY) != host:
            # Not flushed: a copied cookie must not allow anyone to end its owner's session.
            request.session = type(request.session)()
        response = self.get_response(request)
        has_session = not request.session.is_empty()
        if request.session.modified and has_session:
            request.session[SESSION_HOST_KEY] = host
        if (had_session or has_session) and "no-store" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "no-store"
        if response.get("Content-Type", "").startswith("text/html"):
            # A part of the page for htmx, the whole page for others.
            patch_vary_headers(response, ["HX-Request"])
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


_logger = logging.getLogger(__name__)


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
