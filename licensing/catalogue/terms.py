"""Versions of the general terms of sale (CGV). Buyers accept the current version; the order records which.

A published version never changes, since buyers may have accepted it. To publish a new one, add a file to
`templates/catalogue/terms/`, an entry to `VERSIONS`, and its hash to the test. Every version keeps its own URL.
"""

from __future__ import annotations

import datetime

from django.template.loader import render_to_string
from django.urls import reverse

from core.urls import portal_url

#: Version → first day on which it is offered for acceptance, newest first.
VERSIONS: dict[str, datetime.date] = {
    "2026-11-27": datetime.date(2026, 11, 27),
    "2026-11": datetime.date(2026, 11, 1),
}

#: The version offered for acceptance today.
CURRENT = "2026-11-27"


def render_terms(version: str) -> str:
    """Render a version as HTML without a title. Raises `KeyError` for an unknown version."""
    if version not in VERSIONS:
        raise KeyError(version)
    return render_to_string(f"catalogue/terms/{version}.html")


def get_terms_url(version: str = CURRENT) -> str:
    """Return the absolute URL of a version, for any host and for printed documents."""
    return portal_url(reverse("terms_of_sale_version", args=[version], urlconf="config.urls_public"))
