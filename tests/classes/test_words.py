"""The words of logins and passwords, and the normalisation of typed ones."""

import itertools
import math
import re
import unicodedata
from pathlib import Path

import pytest

from licensing.classes import words
from licensing.classes.models import MAX_PUPILS

LISTS = ("pupils", "classes", "passwords")
#: Words used as insults on a playground, which must not be drawn.
_MOCKING = """
ane baleine banane boudin boulet bouc cachalot cafard chacal chameau chatte chienne cloche cloporte clown cochon
cornichon crapaud cruche cruchon dinde dingo dingue elephant escargot gourde girafe gland grue guenon hyene limace
linotte macaque manchot morue moule nouille oie paon paresseux patate phoque pie pigeon pintade poire porc pou poule
poulet puceron rat raton saucisse serin singe sangsue tarte taupe tortue thon truie vache veau ver vipere autiste
bete bouche caca cul culotte fesse gros nain pet petit pipi queue regle slip sucette trou
"""


def differ_by_two(one, other):
    """Whether the edit distance of the words is at least two."""
    if abs(len(one) - len(other)) > 1:
        return True
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        above, row = row, [i]
        for j, right in enumerate(other, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (left != right)))
    return row[-1] > 1


@pytest.mark.parametrize("name", LISTS)
def test_words_are_short_plain_and_each_once(name):
    listed = words.list_words(name)
    assert all(re.fullmatch(r"[a-z]{3,8}", word) for word in listed)
    assert len(set(listed)) == len(listed)
    assert not set(_MOCKING.split()) & set(listed)


@pytest.mark.parametrize("name", ["pupils", "classes"])
def test_a_typo_matches_no_classmate_and_no_other_class(name):
    close = [pair for pair in itertools.combinations(words.list_words(name), 2) if not differ_by_two(*pair)]
    assert close == []


@pytest.mark.parametrize("name", LISTS)
def test_a_spelling_without_its_accents_is_the_stored_word(name):
    listed = words.list_words(name)
    spelt = [words.spell(word) for word in listed]
    assert [words.fold(word) for word in spelt] == list(listed)
    assert [unicodedata.normalize("NFC", word) for word in spelt] == spelt
    assert all(re.fullmatch(r"[a-zâêîôûéèëï]{3,8}", word) for word in spelt)
    # The file holds each word once, sorted as it is stored.
    assert sorted(listed) == list(listed)


def test_a_word_of_several_lists_is_spelt_alike_in_all():
    spellings = {}
    for name in LISTS:
        for spelt in Path(words.__file__).with_name("wordlists").joinpath(f"{name}.txt").read_text("utf-8").split():
            spellings.setdefault(words.fold(spelt), set()).add(spelt)
    assert {word: spelt for word, spelt in spellings.items() if len(spelt) > 1} == {}


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("leopard", "léopard"),
        ("leopard-harpe-2894", "léopard-harpe-2894"),
        ("bateau-foret-ecole", "bateau-forêt-école"),
        ("riviere-5837", "rivière-5837"),
        ("lapin-tulipe-5837", "lapin-tulipe-5837"),
        ("", ""),
    ],
)
def test_people_are_shown_words_with_their_accents(stored, shown):
    assert words.spell(stored) == shown


@pytest.mark.parametrize("typed", ["bateau-forêt-école", "bateau-foret-ecole", "BATEAU-FORÊT-ÉCOLE"])
def test_a_password_of_a_card_is_read_with_accents_and_without(typed):
    assert words.parse_password(typed) == "bateau-foret-ecole"


def test_a_login_is_read_with_accents_and_without():
    typed = ["léopard-forêt-2894", "leopard-foret-2894", "LÉOPARD FORÊT 2894", "le\u0301opardfore\u0302t2894"]
    assert {words.parse_login(text) for text in typed} == {("leopard", "foret-2894")}


def test_there_are_words_enough():
    assert len(words.list_words("pupils")) >= 100
    assert len(words.list_words("classes")) >= 150
    assert len(words.list_words("passwords")) >= 400
    assert math.log2(math.perm(len(words.list_words("passwords")), 3)) >= 25


def test_a_login_typed_as_one_word_is_unambiguous():
    joined = [animal + thing for animal in words.list_words("pupils") for thing in words.list_words("classes")]
    assert len(set(joined)) == len(joined)


def test_a_class_of_thirty_draws_different_words():
    drawn = words.generate_pupil_words(MAX_PUPILS, exclude={"lapin"})
    assert len(set(drawn)) == MAX_PUPILS
    assert "lapin" not in drawn


def test_what_is_drawn_is_read_again():
    code = words.generate_code()
    assert words.parse_login(f"lapin-{code}") == ("lapin", code)
    password = words.generate_password()
    assert words.parse_password(password) == password


@pytest.mark.parametrize(
    "typed",
    [
        "lapin-tulipe-5837", "LAPIN-TULIPE-5837", " Lapin  tulipe 5837 ", "lapin.tulipe.5837", "lapin_tulipe_5837",
        "lapintulipe5837", "lapin tulipe5837", "làpin – tulipé – 5837", "lapin--tulipe--5837", "lapin, tulipe, 5837",
        "la pin tulipe 5837", "lapin\u00a0tulipe\u00a05837",
    ],
)  # fmt: skip
def test_a_login_is_read_however_it_is_typed(typed):
    assert words.parse_login(typed) == ("lapin", "tulipe-5837")


@pytest.mark.parametrize(
    "typed",
    ["", " ", "lapin", "tulipe-5837", "lapin-tulipe", "lapin-tulipe-583", "lapin-tulipe-58371", "5837-lapin-tulipe",
     "tulipe-lapin-5837", "lapin-lapin-5837", "lapin-tulipe-58-37", "x" * 100_000, "lapin-tulipe-５８３７x", "\x00"],
)  # fmt: skip
def test_what_cannot_be_a_login_is_none(typed):
    assert words.parse_login(typed) is None


def test_full_width_digits_of_a_tablet_are_digits():
    assert words.parse_login("lapin-tulipe-５８３７") == ("lapin", "tulipe-5837")


@pytest.mark.parametrize(
    "typed",
    [
        "bateau-soleil-pomme",
        "Bateau Soleil Pomme",
        "bateausoleilpomme",
        "BATEAU.SOLEIL.POMME",
        " bateau  soleil pômme ",
    ],
)
def test_a_password_is_compared_without_what_a_child_may_get_wrong(typed):
    assert words.normalize_password(typed) == "bateausoleilpomme"


@pytest.mark.parametrize("text", ["", "bateau", "bateau-soleil", "bateau-soleil-pomme-lune", "bateau soleil pomme",
                                  "bateausoleilpomme", "bateau-soleil-martin", "<b>-soleil-pomme"])  # fmt: skip
def test_what_is_no_password_of_ours_is_not_printed_on_a_card(text):
    assert words.parse_password(text) is None
