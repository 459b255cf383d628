"""Template context processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.urls import portal_url

if TYPE_CHECKING:
    from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Return the portal's URL and the current tenant, shown by the base templates."""
    tenant = getattr(request, "tenant", None)
    return {
        "portal_address": portal_url("/"),
        "collectivity": tenant if tenant is not None and tenant.schema_name != "public" else None,
    }
