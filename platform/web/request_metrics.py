"""Requests, counted and timed by the name of their route: paths hold tokens, offices and people."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_tenants.utils import get_public_schema_name
from prometheus_client import Histogram, Summary

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


class RequestMetricsMiddleware:
    """Counts and times every request but those of `/sante/`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request."""
        started = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - started
        status = f"{response.status_code // 100}xx"
        match = request.resolver_match
        ROUTES.labels(match.view_name if match is not None else NO_ROUTE, status).observe(seconds)
        SITES.labels(_get_site(request), status).observe(seconds)
        return response


def _get_site(request: HttpRequest) -> str:
    """Return the part of the site that a request is for."""
    for prefix, site in ((settings.STATIC_URL, "static"), ("/api/", "api"), ("/admin/", "back_office")):
        if request.path_info.startswith(prefix):
            return site
    tenant = getattr(request, "tenant", None)
    if tenant is None:
        return "none"
    return "portal" if tenant.schema_name == get_public_schema_name() else "office"
