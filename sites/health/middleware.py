"""« /sante/ »: answered before hosts, sessions and redirects, as whoever watches asks by IP and without TLS."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from accounts.known_origins import get_client_ip
from core.telemetry import CONTENT_TYPE, holds_token, is_open, may_read, render_metrics
from sites.health.answers import HealthAnswer, answer_alive, answer_on_time, answer_ready
from sites.health.figures import DatabaseFigures

WORK_PATH = "/sante/travaux/"
#: By path, what answers.
ANSWERS: dict[str, Callable[[], HealthAnswer]] = {
    "/sante/": answer_alive,
    "/sante/pret/": answer_ready,
    WORK_PATH: answer_on_time,
}
#: The figures for Prometheus: where the operator has set no token, a path like any other.
METRICS_PATH = "/sante/mesures/"
#: Seconds for which a process gives the same answer: whoever asks without end reads the database no more often.
KEPT_SECONDS = {"/sante/pret/": 2.0, WORK_PATH: 5.0}


class HealthMiddleware:
    """Answers the requests for `ANSWERS` with 200, or 503 where something is wrong, and those for the figures.

    How the work does is told to the operator's networks and to who sends the token. Passes all others on.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._lock = threading.Lock()
        #: By path: until when of `time.monotonic` the answer is given.
        self._kept: dict[str, tuple[float, HealthAnswer]] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, whatever the request's host."""
        has_figures = request.path == METRICS_PATH and is_open()
        if request.path not in ANSWERS and not has_figures:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if has_figures:
            return _answer_figures(request)
        if request.path == WORK_PATH and not _may_ask(request):
            return _refuse()
        is_good, details = self._answer(request.path)
        return JsonResponse(details, status=200 if is_good else 503, headers={"Cache-Control": "no-store"})

    def _answer(self, path: str) -> HealthAnswer:
        """Return the answer of a path, or the one of some seconds ago."""
        if path not in KEPT_SECONDS:
            return ANSWERS[path]()
        # Of those who ask at once, one reads.
        with self._lock:
            kept = self._kept.get(path)
            if kept is not None and time.monotonic() < kept[0]:
                return kept[1]
            answer = ANSWERS[path]()
            self._kept[path] = (time.monotonic() + KEPT_SECONDS[path], answer)
            return answer


def _may_ask(request: HttpRequest) -> bool:
    """Whether a request comes from `HEALTH_NETWORKS`, or has `HEALTH_TOKEN`."""
    if holds_token(request.headers.get("Authorization", ""), settings.HEALTH_TOKEN):
        return True
    address = ipaddress.ip_address(get_client_ip(request))
    return any(address.version == network.version and address in network for network in settings.HEALTH_NETWORKS)


def _refuse() -> HttpResponse:
    return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"})


def _answer_figures(request: HttpRequest) -> HttpResponse:
    """Return the figures to who has the token, else 401."""
    if not may_read(request.headers.get("Authorization", "")):
        return _refuse()
    response = HttpResponse(render_metrics(DatabaseFigures()), content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    return response
