"""Cards to cut out, and the list whose first names are written by hand."""

import pytest

from core.documents import PdfDocument
from licensing.classes import pupil_cards, words
from tests.conftest import TERM

PUPILS = [
    pupil_cards.PupilCard(number, f"lapin-tulipe-{5000 + number}", "bateau-soleil-pomme") for number in range(1, 31)
]


@pytest.fixture
def drawn(monkeypatch):
    """Record the texts and QR codes drawn, page by page."""
    drawn_items = []

    def cell(self, w=None, h=None, text="", **options):
        drawn_items.append((self.page_no(), text))
        return original_cell(self, w, h, text, **options)

    original_cell = PdfDocument.cell
    monkeypatch.setattr(PdfDocument, "cell", cell)
    monkeypatch.setattr(PdfDocument, "qr", lambda self, content, **_: drawn_items.append((self.page_no(), content)))
    return drawn_items


@pytest.mark.slow
def test_eight_cards_a_page(drawn):
    document = pupil_cards.render_cards(class_name="CE1 B", pupils=PUPILS, at=TERM)
    assert document.pages_count == 4
    assert [page for page, text in drawn if text.startswith("lapin-")] == [1] * 8 + [2] * 8 + [3] * 8 + [4] * 6


def test_a_card_shows_the_credentials_and_a_line_for_the_first_name(drawn):
    pupil_cards.render_cards(class_name="CE1 B", pupils=PUPILS[:1], at=TERM)
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


@pytest.mark.slow
def test_a_card_shows_words_with_their_accents_and_the_animal(drawn, monkeypatch):
    pictures = []
    monkeypatch.setattr(PdfDocument, "image", lambda _self, name, **_: pictures.append(name.read().decode()))
    card = pupil_cards.PupilCard(1, "leopard-foret-2894", "bateau-foret-ecole")
    pupil_cards.render_cards(class_name="CE1 B", pupils=[card], at=TERM)
    texts = [text for _, text in drawn]
    assert {"léopard-forêt-2894", "bateau-forêt-école"} <= set(texts)
    # What the scanned code fills in is what the card shows.
    assert "http://peps.localhost/eleve/#l%C3%A9opard-for%C3%AAt-2894/bateau-for%C3%AAt-%C3%A9cole" in texts
    assert pictures == [words.read_drawing("leopard")]
    pupil_cards.render_roster(class_name="CE1 B", pupils=[card], at=TERM)
    assert [text for _, text in drawn][-2:] == ["léopard-forêt-2894", "bateau-forêt-école"]


def test_the_code_holds_login_and_password_in_the_fragment_alone():
    address, _, fragment = pupil_cards.build_sign_in_url(PUPILS[0]).partition("#")
    assert address == "http://peps.localhost/eleve/"
    assert fragment == "lapin-tulipe-5001/bateau-soleil-pomme"


def test_what_is_long_is_written_smaller_and_stays_on_its_card(drawn, monkeypatch):
    widths = []

    def cell(self, room, _height, text):
        widths.append((self.get_string_width(text), room))

    monkeypatch.setattr(PdfDocument, "cell", cell)
    longest = pupil_cards.PupilCard(1, "m" * 24 + "-" + "m" * 20, "m" * 40)
    pupil_cards.render_cards(class_name="M" * 60, pupils=[longest], at=TERM)
    assert all(wide <= room + 0.01 for wide, room in widths)


def test_the_list_of_thirty_to_complete_by_hand_is_one_page(drawn):
    document = pupil_cards.render_roster(class_name="CE1 B", pupils=PUPILS, at=TERM)
    assert document.pages_count == 1
    written = [text for _, text in drawn]
    assert written[-4:] == ["30", "", "lapin-tulipe-5030", "bateau-soleil-pomme"]
