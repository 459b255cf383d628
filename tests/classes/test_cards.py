"""Cards to cut out, and the list whose first names are written by hand."""

from __future__ import annotations

import pytest

from licensing.classes import cards
from tests.conftest import TERM
from web.pdf import Document

PUPILS = [cards.Card(number, f"lapin-tulipe-{5000 + number}", "bateau-soleil-pomme") for number in range(1, 31)]


@pytest.fixture
def drawn(monkeypatch):
    """Record the texts and QR codes drawn, page by page."""
    drawn_items = []

    def cell(self, w=None, h=None, text="", **options):
        drawn_items.append((self.page_no(), text))
        return whole(self, w, h, text, **options)

    whole = Document.cell
    monkeypatch.setattr(Document, "cell", cell)
    monkeypatch.setattr(Document, "qr", lambda self, content, **_: drawn_items.append((self.page_no(), content)))
    return drawn_items


def test_eight_cards_a_page(drawn):
    document = cards.cards(class_name="CE1 B", pupils=PUPILS, at=TERM)
    assert document.pages_count == 4
    assert [page for page, text in drawn if text.startswith("lapin-")] == [1] * 8 + [2] * 8 + [3] * 8 + [4] * 6


def test_a_card_shows_the_credentials_and_a_line_for_the_first_name(drawn):
    cards.cards(class_name="CE1 B", pupils=PUPILS[:1], at=TERM)
    assert [text for _, text in drawn] == [
        "1. CE1 B",
        "Prénom",
        "J’entre ici",
        "peps.localhost/eleve",
        "http://peps.localhost/eleve/#lapin-tulipe-5001/bateau-soleil-pomme",
        "Mon identifiant",
        "lapin-tulipe-5001",
        "Mon mot de passe",
        "bateau-soleil-pomme",
    ]


def test_the_code_holds_login_and_password_in_the_fragment_alone():
    address, _, fragment = cards.sign_in_address(PUPILS[0]).partition("#")
    assert address == "http://peps.localhost/eleve/"
    assert fragment == "lapin-tulipe-5001/bateau-soleil-pomme"


def test_what_is_long_is_written_smaller_and_stays_on_its_card(drawn, monkeypatch):
    widths = []

    def cell(self, room, _height, text):
        widths.append((self.get_string_width(text), room))

    monkeypatch.setattr(Document, "cell", cell)
    longest = cards.Card(1, "m" * 24 + "-" + "m" * 20, "m" * 40)
    cards.cards(class_name="M" * 60, pupils=[longest], at=TERM)
    assert all(wide <= room + 0.01 for wide, room in widths)


def test_the_list_of_thirty_to_complete_by_hand_is_one_page(drawn):
    document = cards.by_hand(class_name="CE1 B", pupils=PUPILS, at=TERM)
    assert document.pages_count == 1
    written = [text for _, text in drawn]
    assert written[-4:] == ["30", "", "lapin-tulipe-5030", "bateau-soleil-pomme"]
