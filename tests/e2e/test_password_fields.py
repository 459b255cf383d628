"""Every password field has a button that shows what was typed, and hides it again."""

import pytest
from playwright.sync_api import expect

from tests.conftest import PASSWORD
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.sessions import create_session
from tests.factories.accounts import PrincipalFactory

SHOW = "Afficher le mot de passe"
HIDE = "Masquer le mot de passe"


def test_a_password_is_shown_and_hidden_again(site, db):
    page = site.person().open("/connexion/")
    field = page.locator("[name=password]")
    field.fill(PASSWORD)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(field).to_have_attribute("type", "text")
    expect(page.get_by_role("button", name=HIDE)).to_be_focused()
    expect(field).to_have_attribute("autocomplete", "current-password")
    page.keyboard.press("Space")
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_value(PASSWORD)
    expect(page.get_by_role("button", name=SHOW)).to_be_visible()


def test_a_shown_password_is_hidden_when_the_form_is_sent(site, db):
    page = site.person().open("/connexion/")
    # What the browser sees as it sends the form, and offers to remember.
    page.evaluate(
        """() => addEventListener("submit", (event) => {
            event.preventDefault();
            document.title = event.target.elements.password.type;
        })"""
    )
    page.locator("[name=login]").fill("camille")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name=SHOW).click()
    page.get_by_role("button", name="Connexion", exact=True).click()
    expect(page).to_have_title("password")


def test_the_error_of_a_password_stays_in_sight(site, db):
    page = site.person().open("/inscription/")
    page.get_by_role("button", name="Créer mon compte").click()
    feedback = page.locator("#div_id_password1 .invalid-feedback")
    expect(feedback).to_be_visible()
    expect(feedback).to_contain_text("obligatoire")


@pytest.mark.parametrize("path", ["/", "/connexion/", "/inscription/", "/mon-compte/informations/", "/mot-de-passe/"])
def test_every_password_field_has_its_button_at_both_widths_and_at_twice_the_text(site, committing, path):
    is_public = path in ("/", "/connexion/", "/inscription/")
    visit = site.person(session="" if is_public else create_session(site, PrincipalFactory()))
    page = visit.open(path)
    fields = page.locator("input[type=password]")
    assert fields.count() >= 1
    expect(page.locator(".password-field > input + button")).to_have_count(fields.count())
    for button in page.get_by_role("button", name=SHOW).all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 44, box
    assert find_problems_at_both_widths(visit) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_there_is_no_button(site, db):
    page = site.person(scripts=False).open("/connexion/")
    expect(page.locator("[name=password]")).to_be_visible()
    expect(page.get_by_role("button", name=SHOW)).to_have_count(0)
