"""The OpenAPI document of the API. It holds nothing specific to a tenant and is public.

Built once per process from the endpoints; only `servers` depends on the requested host.
"""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import condition, require_safe
from drf_spectacular.generators import SchemaGenerator

from web.access import public_page

# drf-spectacular resolves its extensions in place: two threads that build at once break each other.
_building = threading.Lock()


def get_openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document, cached for the process. Callers must not modify it."""
    with _building:
        return _build_document()


@functools.cache
def _build_document() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document


def _serialized(request: HttpRequest) -> bytes:
    server = {"url": f"{request.scheme}://{request.get_host()}", "description": "Ce bureau."}
    return json.dumps(get_openapi_document() | {"servers": [server]}, ensure_ascii=False, indent=1).encode()


def _etag(request: HttpRequest) -> str:
    return f'"{hashlib.sha256(_serialized(request)).hexdigest()[:32]}"'


@public_page
@require_safe
@condition(etag_func=_etag)
def openapi_json(request: HttpRequest) -> HttpResponse:
    """Serve the OpenAPI document as JSON."""
    response = HttpResponse(_serialized(request), content_type="application/vnd.oai.openapi+json")
    response["Cache-Control"] = "no-cache"
    return response
