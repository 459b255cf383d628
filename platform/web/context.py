"""What every template may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from web.addresses import portal_url

if TYPE_CHECKING:
    from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Return the addresses and the host's owner that the frame of every page shows."""
    tenant = getattr(request, "tenant", None)
    return {
        "portal_address": portal_url("/"),
        "collectivity": tenant if tenant is not None and tenant.schema_name != "public" else None,
    }
