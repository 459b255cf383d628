"""« Mon compte » as tests read it."""

from __future__ import annotations

import re

HTMX = {"HX-Request": "true"}


PAGE = "/mon-compte/"


def visible_text(answer):
    """Return the visible text of the page: no tags, single spaces."""
    page = re.sub(r"<(script|style).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split()).replace("&#x27;", "'")


def get_page(browser, version=""):
    return browser.get(f"{PAGE}licences/", headers={"If-None-Match": f'"{version}"'})


def get_version(answer):
    return re.search(r'data-version="([0-9a-f]+)"', answer.content.decode())[1]
