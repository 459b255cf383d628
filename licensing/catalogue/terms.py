"""The general terms of sale (CGV), a text a version. Whoever buys accepts the current one, and the order says which.

A version that was published never changes: somebody may have accepted it. A new text is a new file in
`templates/catalogue/terms/`, a line here, and a line in the test that pins what each version says. All of them stay
readable at their own address.
"""

from __future__ import annotations

import datetime

from django.template.loader import render_to_string
from django.urls import reverse

from web.addresses import portal_url

#: From which day each version is offered for acceptance, the newest first.
VERSIONS: dict[str, datetime.date] = {"2026-11": datetime.date(2026, 11, 1)}

#: What buyers are shown, and accept, today.
CURRENT = "2026-11"


def text(version: str) -> str:
    """Return what that version says, as HTML without a title. Raises `KeyError` where there is no such version."""
    if version not in VERSIONS:
        raise KeyError(version)
    return render_to_string(f"catalogue/terms/{version}.html")


def address(version: str = CURRENT) -> str:
    """Return where that version is read, whole, from any host and on paper."""
    return portal_url(reverse("cgv_version", args=[version], urlconf="config.urls_public"))
