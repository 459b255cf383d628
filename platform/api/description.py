"""The OpenAPI description of the API, for programs: the same at every office, so everybody may read it.

Made once a process, from the endpoints; only the address of the server is the office's that is asked.
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.views.decorators.http import condition, require_safe
from drf_spectacular.generators import SchemaGenerator

from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest


@functools.cache
def description() -> dict[str, Any]:
    """Return the description. It is shared: nobody changes it."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def _written(request: HttpRequest) -> bytes:
    here = {"url": f"{request.scheme}://{request.get_host()}", "description": "Ce bureau."}
    return json.dumps(description() | {"servers": [here]}, ensure_ascii=False, indent=1).encode()


def _tag(request: HttpRequest) -> str:
    return f'"{hashlib.sha256(_written(request)).hexdigest()[:32]}"'


@public_page
@require_safe
@condition(etag_func=_tag)
def openapi(request: HttpRequest) -> HttpResponse:
    """Give the description as JSON."""
    answer = HttpResponse(_written(request), content_type="application/vnd.oai.openapi+json")
    answer["Cache-Control"] = "no-cache"
    return answer
