"""The pages of imports as tests read them."""

import html

from django.urls import reverse


def import_url(name, *args):
    return reverse(f"imports:{name}", urlconf="config.urls_tenant", args=args)


def page_text(answer):
    """Return the page's HTML with entities resolved and plain spaces."""
    return html.unescape(answer.content.decode()).replace("\u00a0", " ").replace("\u202f", " ")
