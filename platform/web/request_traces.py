"""Each request as a trace, by the template of its route: its path may hold a token."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.traces import set_failed, trace

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_FAULT = 500


class RequestTraceMiddleware:
    """Traces every request but those for static files, where the process has a tracer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request. Its number (`web.request_ids`) finds its trace, and its trace the lines of the log."""
        if request.path_info.startswith(settings.STATIC_URL):
            return self.get_response(request)
        method = next((name for name in _METHODS if name == request.method), "_OTHER")
        with trace(method, {"http.request.method": method}) as span:
            response = self.get_response(request)
            if span is not None:
                span.set_attribute("http.response.status_code", response.status_code)
                span.set_attribute("peps.request", response.headers.get("X-Request-ID", ""))
                if request.resolver_match is not None:
                    route = f"/{request.resolver_match.route}"
                    span.set_attribute("http.route", route)
                    span.update_name(f"{method} {route}")
                if response.status_code >= _FAULT:
                    set_failed(span, str(response.status_code))
        return response
