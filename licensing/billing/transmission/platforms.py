"""Platforms: their interface, its data types and exceptions, calls with a token, and those of `INVOICE_PLATFORMS`."""

from __future__ import annotations

import functools
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from licensing.billing.models import InvoiceRoute
from licensing.billing.transmission.exceptions import PlatformNotConfigured
from licensing.billing.transmission.interface import InvoicePlatform


def is_configured(route: str | None) -> bool:
    """Return whether invoices of this route are sent from here."""
    return route in settings.INVOICE_PLATFORMS


def list_configured_routes() -> list[InvoiceRoute]:
    """Return the routes by which invoices are sent from here."""
    return [route for route in InvoiceRoute if is_configured(route)]


def get_platform(route: str) -> InvoicePlatform:
    """Return the platform of a route. Raises `PlatformNotConfigured`."""
    if not is_configured(route):
        raise PlatformNotConfigured(f"{InvoiceRoute(route).label} n'est pas configuré sur ce site.")
    return _load(*settings.INVOICE_PLATFORMS[route])


@functools.cache
def _load(path: str, account: object) -> InvoicePlatform:
    # One for the process: it keeps its access token until that expires.
    return cast("InvoicePlatform", import_string(path)(account))
