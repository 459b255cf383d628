"""What tests read and send on a teacher's pages of a class."""

import re


def get_state_token(answer):
    """Return the class's state token from a page."""
    return re.search(r'name="etat" value="([0-9a-f]+)"', answer.content.decode())[1]


def add(browser, taught, count, **changed):
    shown = get_state_token(browser.get(taught.url()))
    return browser.post(taught.url("eleves/"), {"count": count, "etat": shown, **changed})


def printed_cards(answer):
    """Return the print form's signed cards from a page."""
    return re.findall(r'name="carte" value="([^"]+)"', answer.content.decode())
