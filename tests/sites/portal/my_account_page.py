"""« Mon compte » as tests read it."""

import re

HTMX = {"HX-Request": "true"}


PAGE = "/mon-compte/"


def visible_text(answer):
    """Return the visible text of the page: no tags, single spaces."""
    page = re.sub(r"<(script|style).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    page = page.replace("&nbsp;", " ").replace("\xa0", " ")
    return " ".join(re.sub(r"<[^>]+>", " ", page).split()).replace("&#x27;", "'")


LICENCES = f"{PAGE}licences/"
SCHOOL = f"{PAGE}etablissement/"
PROFILE = f"{PAGE}informations/"


def get_page(browser, version="", path=PAGE):
    """Ask as an open page does, which refreshes itself."""
    return browser.get(path, headers={"If-None-Match": f'"{version}"', **HTMX})


def get_version(answer):
    return re.search(r'data-version="([0-9a-f]+)"', answer.content.decode())[1]
