"""Template context processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.functional import SimpleLazyObject

from core.urls import portal_url
from web.teaching import is_teaching

if TYPE_CHECKING:
    from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Return the portal's URL, the current tenant, and whether the user teaches, which the base templates show."""
    tenant = getattr(request, "tenant", None)
    return {
        "portal_address": portal_url("/"),
        # Asked for by the menu, once a page, unless the view knows.
        "teaches": SimpleLazyObject(lambda: is_teaching(request)),
        "collectivity": tenant if tenant is not None and tenant.schema_name != "public" else None,
    }
