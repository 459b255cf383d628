"""Template of e-mails sent by Pep's itself: paragraphs and at most one button, as text and HTML.

E-mails about an allocation carry their collectivity's logo and signature: `licensing.pools.emails`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.template.loader import render_to_string

from core.urls import portal_url
from mailing.kinds import RenderedEmail

#: What Pep's is, for readers who may never have heard of it.
PRODUCT_SENTENCE = (
    "Pep's est un site d'entraînement personnalisé, du CP au CM2 : on y prescrit à sa classe des exercices, des "
    "parcours et des évaluations."
)


class EmailItem(NamedTuple):
    """An item of a list: a sentence, and a link to the page where it is done."""

    words: str
    address: str
    action: str


def format_salutation(first_name: str) -> str:
    """Return the salutation, with the first name if known."""
    return f"Bonjour {first_name}," if first_name else "Bonjour,"


def render_email(
    *,
    subject: str,
    paragraphs: Sequence[str],
    items: Sequence[EmailItem] = (),
    button: str = "",
    address: str = "",
    notes: Sequence[str] = (),
    greeting: str = "Bonjour,",
    reason: str = "",
    unsubscribe_url: str = "",
) -> RenderedEmail:
    """Render the e-mail. `items` follow the paragraphs; `button` links to `address`; `notes` are in small print.

    `reason`, `unsubscribe_url`: of a letter that comes again by itself, why it came and where it is stopped.
    """
    context = {
        "subject": subject,
        "greeting": greeting,
        "paragraphs": paragraphs,
        "items": items,
        "button": button,
        "address": address,
        "notes": notes,
        "portal": portal_url(),
        "reason": reason,
        "unsubscribe_url": unsubscribe_url,
    }
    return RenderedEmail(
        subject=subject,
        text=render_to_string("mailing/email.txt", context),
        html=render_to_string("mailing/email.html", context),
        unsubscribe_url=unsubscribe_url,
    )
