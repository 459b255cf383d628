"""Template context processor."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from core.cells import get_cells
from core.urls import portal_url
from web.teaching import is_teaching


def site(request: HttpRequest) -> dict[str, Any]:
    """Return what the base templates show: the portal's URL, other cells, the tenant, and whether the user teaches."""
    tenant = getattr(request, "tenant", None)
    return {
        "portal_address": portal_url("/"),
        "other_cells": get_cells().others,
        # Asked for by the menu, once a page, unless the view knows.
        "teaches": SimpleLazyObject(lambda: is_teaching(request)),
        "collectivity": tenant if tenant is not None and tenant.schema_name != "public" else None,
    }
