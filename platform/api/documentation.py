"""The API's documentation: pages of the office's own host, public, without scripts.

The pages of resources follow from the OpenAPI description; « Prise en main » is docs/api.md, which the tests execute.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_safe

from api import lists, prose
from api.description import description
from api.errors import ERRORS
from api.reference import resources
from api.scopes import MEANING, Scope
from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from api.reference import Resource

GETTING_STARTED = settings.ROOT / "docs" / "api.md"
#: The host that the text speaks of, in whose place the reader finds that of his own office.
_ITS_HOST = "https://nimes.peps.example"


@public_page
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Say what all addresses have in common."""
    limits = {
        "requests": settings.API_REQUESTS_A_MINUTE,
        "megabytes": settings.API_LARGEST_BODY // (1024 * 1024),
        "usual": lists.USUAL,
        "most": lists.MOST,
    }
    scopes = [(scope, MEANING[scope]) for scope in Scope]
    return _page(request, "api/documentation/index.html", "index", scopes=scopes, **limits)


@public_page
@require_safe
def getting_started(request: HttpRequest) -> HttpResponse:
    """Show « Prise en main », with the address of the office that is read."""
    text = _getting_started().replace(_ITS_HOST, _server(request))
    title, _, told = text.partition("\n")
    content = {"title": title.removeprefix("# "), "contents": prose.headings(told), "text": told}
    return _page(request, "api/documentation/getting_started.html", "getting_started", **content)


@public_page
@require_safe
def resource(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one resource: each of its operations, with its parameters, fields, answers and examples."""
    for one in _resources(_server(request)):
        if one.slug == slug:
            return _page(request, "api/documentation/resource.html", slug, resource=one)
    raise Http404("No such resource.")


@public_page
@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """Show every code of an error: what it means and what to do."""
    return _page(request, "api/documentation/errors.html", "errors", families=ERRORS)


def _page(request: HttpRequest, template: str, here: str, **content: object) -> HttpResponse:
    server = _server(request)
    frame = {"here": here, "server": server, "resources": _resources(server)}
    answer = render(request, template, frame | content)
    answer["Cache-Control"] = "no-cache"
    return answer


def _server(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


def _resources(server: str) -> list[Resource]:
    return resources(description(), server)


@functools.cache
def _getting_started() -> str:
    return GETTING_STARTED.read_text(encoding="utf-8")
