"""What every template may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest


def portal_address() -> str:
    """Return the portal's address with its scheme and port, as an office links to it."""
    scheme = "https" if settings.SECURE else "http"
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    return f"{scheme}://{settings.BASE_DOMAIN}{port}/"


def site(request: HttpRequest) -> dict[str, Any]:
    """Return the addresses and the host's owner that the frame of every page shows."""
    tenant = getattr(request, "tenant", None)
    return {
        "application_url": settings.APPLICATION_URL,
        "portal_address": portal_address(),
        "collectivity": tenant if tenant is not None and tenant.schema_name != "public" else None,
    }
