"""« /sante/ »: answered before hosts, sessions and redirects, as whoever watches asks by IP and without TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse, HttpResponseNotAllowed, JsonResponse

from core.metrics import CONTENT_TYPE, is_open, may_read, render_metrics
from sites.health.answers import answer_alive, answer_on_time, answer_ready
from sites.health.figures import DatabaseFigures

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from sites.health.answers import HealthAnswer

#: By path, what answers.
ANSWERS: dict[str, Callable[[], HealthAnswer]] = {
    "/sante/": answer_alive,
    "/sante/pret/": answer_ready,
    "/sante/travaux/": answer_on_time,
}
#: The figures for Prometheus: where the operator has set no token, a path like any other.
METRICS_PATH = "/sante/mesures/"


class HealthMiddleware:
    """Answers the requests for `ANSWERS` with 200, or 503 where something is wrong, and those for the figures.

    Passes all others on.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, whatever the request's host."""
        answer = ANSWERS.get(request.path)
        has_figures = request.path == METRICS_PATH and is_open()
        if answer is None and not has_figures:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if answer is None:
            return _answer_figures(request)
        is_good, details = answer()
        return JsonResponse(details, status=200 if is_good else 503, headers={"Cache-Control": "no-store"})


def _answer_figures(request: HttpRequest) -> HttpResponse:
    """Return the figures to who has the token, else 401."""
    if not may_read(request.headers.get("Authorization", "")):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"})
    response = HttpResponse(render_metrics(DatabaseFigures()), content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    return response
