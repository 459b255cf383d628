"""Absolute URLs for use outside of a request: e-mails, command output, exports."""

from __future__ import annotations

from django.conf import settings


def build_absolute_url(host: str, path: str = "/") -> str:
    """Return the absolute URL of `path` at `host`, with the public scheme and port."""
    scheme = "https" if settings.SECURE else "http"
    port = f":{settings.PUBLIC_PORT}" if settings.PUBLIC_PORT else ""
    return f"{scheme}://{host}{port}/{path.removeprefix('/')}"


def portal_url(path: str = "/") -> str:
    """Return the absolute URL of a page of the portal."""
    return build_absolute_url(settings.BASE_DOMAIN, path)
