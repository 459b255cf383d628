"""A letter from Pep's itself: plain paragraphs and at most one button, as text and as HTML.

Collectivities' letters, with their name and logo, are their own apps' affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.template.loader import render_to_string

from mailing.kinds import Rendered
from web.addresses import portal_url

if TYPE_CHECKING:
    from collections.abc import Sequence


def hello(first_name: str) -> str:
    """Return how a letter begins: by the person's first name, where it is known."""
    return f"Bonjour {first_name}," if first_name else "Bonjour,"


def letter(
    *,
    subject: str,
    paragraphs: Sequence[str],
    button: str = "",
    address: str = "",
    notes: Sequence[str] = (),
    greeting: str = "Bonjour,",
) -> Rendered:
    """Return the letter. `button` leads to `address`; `notes` follow it, in small print."""
    content = {
        "subject": subject,
        "greeting": greeting,
        "paragraphs": paragraphs,
        "button": button,
        "address": address,
        "notes": notes,
        "portal": portal_url(),
    }
    return Rendered(
        subject=subject,
        text=render_to_string("mailing/letter.txt", content),
        html=render_to_string("mailing/letter.html", content),
    )
