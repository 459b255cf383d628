"""The API documentation: public pages at the tenant's host, without JavaScript.

Resource pages are generated from the OpenAPI document; « Prise en main » is docs/api.md, whose code the tests execute.
"""

from __future__ import annotations

import functools

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from api import pagination
from api.documentation import markdown
from api.documentation.content import ResourceDoc, build_resources
from api.documentation.error_codes import list_families
from api.openapi import get_openapi_document
from api.scopes import SCOPE_DESCRIPTIONS, TokenScope
from web.access import public_page

GETTING_STARTED = settings.ROOT / "docs" / "api.md"
#: Host written in docs/api.md; replaced by the tenant's own host when the page is rendered.
_SAMPLE_HOST = "https://nimes.peps.example"


@public_page
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Render the start page: what all endpoints have in common."""
    limits = {
        "requests": settings.API_REQUESTS_PER_MINUTE,
        "megabytes": settings.API_MAX_BODY_BYTES // (1024 * 1024),
        "usual": pagination.DEFAULT_PAGE_SIZE,
        "most": pagination.MAX_PAGE_SIZE,
    }
    scopes = [(scope, SCOPE_DESCRIPTIONS[scope]) for scope in TokenScope]
    return _render_page(request, "api/documentation/index.html", "index", scopes=scopes, **limits)


@public_page
@require_safe
def getting_started(request: HttpRequest) -> HttpResponse:
    """Render « Prise en main » with the URL of the current tenant."""
    text = _getting_started().replace(_SAMPLE_HOST, _server_url(request))
    title, _, body = text.partition("\n")
    content = {"title": title.removeprefix("# "), "contents": markdown.list_headings(body), "text": body}
    return _render_page(request, "api/documentation/getting_started.html", "getting_started", **content)


@public_page
@require_safe
def resource(request: HttpRequest, slug: str) -> HttpResponse:
    """Render one resource: its operations with their parameters, fields, responses and examples."""
    for one in _resources(_server_url(request)):
        if one.slug == slug:
            return _render_page(request, "api/documentation/resource.html", slug, resource=one)
    raise Http404("No such resource.")


@public_page
@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """Render the list of error codes, each with its meaning and its fix."""
    return _render_page(request, "api/documentation/errors.html", "errors", families=list_families())


def _render_page(request: HttpRequest, template: str, here: str, **context: object) -> HttpResponse:
    server = _server_url(request)
    common_context = {"here": here, "server": server, "resources": _resources(server)}
    response = render(request, template, common_context | context)
    response["Cache-Control"] = "no-cache"
    return response


def _server_url(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


def _resources(server: str) -> list[ResourceDoc]:
    return build_resources(get_openapi_document(), server)


@functools.cache
def _getting_started() -> str:
    return GETTING_STARTED.read_text(encoding="utf-8")
