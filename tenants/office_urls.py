"""Host names and absolute URLs of the collectivities' offices and of the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from core.urls import build_absolute_url, portal_url

if TYPE_CHECKING:
    from tenants.models import Collectivity

__all__ = ["office_host", "office_url", "portal_url"]


def office_host(slug: str) -> str:
    """Return the host name of the office called `slug`."""
    return f"{slug}.{settings.BASE_DOMAIN}"


def office_url(collectivity: Collectivity, path: str = "/") -> str:
    """Return the absolute URL of a page of a collectivity's office."""
    return build_absolute_url(office_host(collectivity.slug), path)
