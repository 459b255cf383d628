"""The number of a request: in its log lines, and in `X-Request-ID` of its response, by which both are found again."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from core.log_lines import begin_log_context, end_log_context

HEADER = "X-Request-ID"
#: What a proxy in front may have given: nothing that a line of a log, or a search in it, would take for something else.
_GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestIdMiddleware:
    """Keeps the number that the request came with, or gives it one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Process the request, and set the header of its response."""
        given = request.headers.get(HEADER, "")
        number = given if _GIVEN.fullmatch(given) else uuid.uuid4().hex
        # Until the response is closed: Django logs refusals and faults outside of the middleware.
        begin_log_context(request=number)
        response = self.get_response(request)
        response[HEADER] = number
        return response


@receiver(request_finished)
def _forget(**_: object) -> None:
    end_log_context()
