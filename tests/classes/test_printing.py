"""What a teacher prints: cards, the list, the sheet of first names; and what of it the server never has."""

import base64
import re

import pytest

from licensing.classes import words
from licensing.classes.models import Classroom
from licensing.classes.views import derive_name_keys
from tests.classes.class_page import add, get_state_token, printed_cards
from tests.classes.taught_class import TaughtClass
from tests.entitlements.school_scenario import SchoolScenario
from tests.sites.portal.my_account_page import visible_text as read

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("document", "name"), [("cartes", "cartes"), ("liste", "liste")])
def test_what_was_shown_is_printed_and_kept_by_no_cache(document, name, taught, teacher):
    cards = printed_cards(add(teacher, taught, 2))
    answer = teacher.post(taught.url("imprimer/"), {"carte": cards, "document": document})
    assert answer.content.startswith(b"%PDF-")
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}-ce1-b.pdf"'


@pytest.mark.parametrize(
    ("class_name", "stem"), [("CE1 de Benoît / Élodie", "ce1-de-benoit-elodie"), ("一年级", None), ("../..\r\n", None)]
)
def test_files_are_named_after_the_class_in_letters_that_every_disk_accepts(class_name, stem, taught, teacher):
    Classroom.objects.update(name=class_name)
    answer = add(teacher, taught, 2)
    name = f"cartes-{stem or taught.classroom.code}.pdf"
    # The page says beforehand what the download is called.
    assert f'data-file="{name}"' in answer.content.decode()
    printed = teacher.post(taught.url("imprimer/"), {"carte": printed_cards(answer), "document": "cartes"})
    assert printed["Content-Disposition"] == f'attachment; filename="{name}"'


def test_the_card_of_one_pupil_is_named_after_their_animal(taught, teacher):
    state = get_state_token(teacher.get(taught.url()))
    answer = teacher.post(taught.url("mots-de-passe/"), {"numero": "2", "etat": state})
    name = f"carte-{taught.pupil(2).word}-ce1-b.pdf"
    assert f'data-file="{name}"' in answer.content.decode()
    printed = teacher.post(taught.url("imprimer/"), {"carte": printed_cards(answer), "document": "cartes"})
    assert printed["Content-Disposition"] == f'attachment; filename="{name}"'


def test_after_one_new_password_its_pupil_comes_first_and_nothing_is_offered_for_a_class(taught, teacher):
    state = get_state_token(teacher.get(taught.url()))
    page = teacher.post(taught.url("mots-de-passe/"), {"numero": "2", "etat": state}).content.decode()
    assert re.findall(r'data-number="(\d)"', page) == ["2", "1", "3"]
    before, _, after = page.partition("data-sheet-others")
    assert [part.count("data-first-name") for part in (before, after)] == [1, 2]
    assert "Liste" not in page


@pytest.mark.small
def test_the_page_of_first_names_says_when_cards_are_printed(taught, teacher):
    page = read(teacher.get(taught.url("feuille/")))
    assert "s’ajoutent à la liste que vous imprimez d’ici" in page
    assert "Les cartes, elles, s’impriment au moment où les mots de passe sont donnés" in page


def test_the_page_says_where_the_cards_go_before_they_are_asked_for(taught, teacher):
    """Who has no scripts reads nothing afterwards."""
    page = read(add(teacher, taught, 2))
    assert "Télécharger les 2 cartes (PDF)" in page
    assert "arrivent dans vos téléchargements" in page


def test_cards_with_first_names_are_a_page_that_the_browser_completes(taught, teacher):
    answer = add(teacher, taught, 2)
    page = teacher.post(taught.url("imprimer/"), {"carte": printed_cards(answer), "document": "prenoms"})
    assert page["Cache-Control"] == "no-store"
    assert page.content.decode().count('class="qr"') == 2
    # Empty here: only the browser knows them.
    assert re.findall(r"<p[^>]*data-name-of=\"\d+\"[^>]*>([^<]*)</p>", page.content.decode()) == ["", ""]
    for card in printed_cards(answer):
        assert all(words.spell(text) in read(page) for text in card.split(" "))


def test_cards_are_printed_from_words_with_accents_too(taught, teacher):
    """A sheet that was saved has the words as they are shown."""
    login, password = words.spell(taught.credentials[0].login), "bateau-forêt-école"
    page = teacher.post(taught.url("imprimer/"), {"carte": [f"{login} {password}"], "document": "prenoms"})
    assert page.status_code == 200
    assert "bateau-forêt-école" in read(page)


def test_the_key_of_first_names_is_that_of_the_class_and_given_to_its_teachers(taught, teacher, settings):
    (first,) = derive_name_keys(taught.classroom.pk)
    assert len(base64.b64decode(first)) == 32
    assert derive_name_keys(taught.classroom.pk + 1) != [first]
    for address in ("", "feuille/"):
        assert f'data-keys="{first}"' in teacher.get(taught.url(address)).content.decode()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert derive_name_keys(taught.classroom.pk)[1] == first


def test_cards_of_another_class_or_with_words_of_one_s_own_are_not_printed(taught, teacher):
    other = TaughtClass(SchoolScenario(), pupils=1).credentials[0]
    own = taught.credentials[0]
    for card in (
        f"{other.login} {other.password}",
        f"{own.login} vilain-gros-mot",
        f"{own.login}",
        f"zzz-{taught.classroom.code} {own.password}",
        "",
    ):
        answer = teacher.post(taught.url("imprimer/"), {"carte": [card]})
        assert (answer.status_code, answer["Content-Type"]) == (422, "text/html; charset=utf-8")
    for many in ([], [f"{own.login} {own.password}"] * 31):
        assert teacher.post(taught.url("imprimer/"), {"carte": many}).status_code == 422


def test_fields_for_first_names_have_no_name_and_stand_in_no_form(taught, teacher):
    for answer in (add(teacher, taught, 1), teacher.get(taught.url("feuille/"))):
        page = answer.content.decode()
        fields = re.findall(r"<input[^>]*data-first-name[^>]*>", page)
        assert len(fields) == 4
        assert not any(re.search(r"\s(name|form|value)=", field) for field in fields)
        assert all('spellcheck="false"' in field and 'autocomplete="off"' in field for field in fields)
        outside = re.sub(r"<form.*?</form>", "", page, flags=re.DOTALL)
        assert outside.count("data-first-name") == 4


def test_the_printed_sheet_shows_no_password(taught, teacher):
    answer = teacher.get(taught.url("feuille/"))
    assert "no-store" in answer["Cache-Control"]
    for credential in taught.credentials:
        assert words.spell(credential.login) in read(answer)
        assert words.spell(credential.password) not in answer.content.decode()
