"""French typography of pages: one place writes the apostrophe of French, whoever wrote the sentence."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from core.french import curl_apostrophes_in_html


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
