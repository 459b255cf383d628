"""« /sante/ »: answered before hosts, sessions and redirects, as whoever watches asks by IP and without TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponseNotAllowed, JsonResponse

from sites.health.answers import answer_alive, answer_on_time, answer_ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from sites.health.answers import HealthAnswer

#: By path, what answers.
ANSWERS: dict[str, Callable[[], HealthAnswer]] = {
    "/sante/": answer_alive,
    "/sante/pret/": answer_ready,
    "/sante/travaux/": answer_on_time,
}


class HealthMiddleware:
    """Answers the requests for `ANSWERS` with 200, or 503 where something is wrong; passes all others on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, whatever the request's host."""
        answer = ANSWERS.get(request.path)
        if answer is None:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        is_good, details = answer()
        return JsonResponse(details, status=200 if is_good else 503, headers={"Cache-Control": "no-store"})
