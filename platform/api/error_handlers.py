"""Handler for status 500 at a tenant host: an HTML page for people, problem details for API clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.defaults import server_error as page

from api.problem_details import build_problem_response

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the 500 response; for the API, one that says the request may be repeated under its « Idempotency-Key »."""
    if not request.path.startswith("/api/"):
        return page(request)
    detail = (
        "Une panne de notre fait a empêché cette requête : rien n'a été fait. Renvoyez-la avec la même "
        "« Idempotency-Key » ; si cela dure, prévenez-nous."
    )
    return build_problem_response("breakdown", detail, 500)
