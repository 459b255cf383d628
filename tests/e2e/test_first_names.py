"""First names that a teacher keeps on their device: shown there alone, encrypted, never sent, erasable."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from licensing.classes import operations, words
from licensing.classes.models import Classroom
from licensing.entitlements import operations as seats
from tests.classes.taught_class import TaughtClass
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.sessions import create_session
from tests.e2e.test_classes import listen
from tests.entitlements.school_scenario import SchoolScenario

#: Occurs in no page, word list or factory.
NAME = "Zéphyrine-Wxq"
STORED = "JSON.stringify(localStorage)"


@pytest.fixture
def taught(committing):
    return TaughtClass(SchoolScenario(), pupils=3)


@pytest.fixture
def visit(taught, site):
    """The teacher's visit, in which leaving passwords that were not printed is confirmed."""
    visit = site.person(session=create_session(site, taught.teacher))
    visit.page.on("dialog", lambda dialog: dialog.accept())
    return visit


def keep(visit, taught, name=NAME, number=2):
    """Keep the first name of one pupil, by the buttons of the class."""
    page = visit.open(taught.url())
    page.get_by_role("button", name="Garder les prénoms sur cet appareil").click()
    expect(page.get_by_role("heading", name="Feuille des prénoms")).to_be_visible()
    field = page.get_by_label(f"Prénom de {words.spell(taught.pupil(number).login)}")
    before = page.evaluate(STORED)
    field.fill(name)
    # Stored once it is encrypted, a moment later.
    for _ in range(100):
        if page.evaluate(STORED) != before:
            return page
        page.wait_for_timeout(20)
    raise AssertionError("The first name was not stored.")


def name_of(page, pupil):
    return page.locator(f"[data-name-of='{pupil.pk}']")


def test_a_kept_name_shows_beside_its_login_and_leaves_in_no_request(taught, visit):
    sent = listen(visit)
    page = keep(visit, taught)
    assert "Wxq" not in page.evaluate(STORED)
    pupil = taught.pupil(2)
    page = visit.open(taught.url())
    expect(name_of(page, pupil)).to_have_text(NAME)
    assert find_problems_at_both_widths(visit) == []
    # New passwords leave it as it is, and its card is printed with it, by this browser.
    page.get_by_role("link", name="Nouveaux mots de passe pour tous").click()
    page.get_by_role("button", name="Donner 3 nouveaux mots de passe").click()
    expect(page.get_by_label(f"Prénom de {words.spell(pupil.login)}")).to_have_value(NAME)
    with page.context.expect_page() as opened:
        page.locator(".card-bar").get_by_role("button", name=re.compile("Cartes avec les prénoms")).click()
    cards = opened.value
    cards.on("request", lambda request: sent.append(f"{request.url} {request.post_data_buffer or b''!r}"))
    expect(name_of(cards, pupil)).to_have_text(NAME)
    expect(name_of(cards, taught.pupil(1))).to_have_text("")
    assert visit.complaints == []
    assert len(sent) > 20
    assert not [request for request in sent if "Wxq" in request or "Z%C3%A9phyrine" in request]


def test_nobody_reads_a_name_in_the_same_browser_without_the_class(taught, visit, site):
    page = keep(visit, taught)
    page.get_by_role("button", name="Déconnexion").first.click()
    visit.settle()
    stored = page.evaluate(STORED)
    assert "peps-prenoms" in stored
    assert "Wxq" not in stored
    # A colleague at the same computer, with a class of their own.
    other = TaughtClass(taught.school, pupils=1)
    page.context.add_cookies([{"name": "session", "value": create_session(site, other.teacher), "url": site.url("/")}])
    page = visit.open(other.url())
    expect(page.get_by_role("button", name="Garder les prénoms sur cet appareil")).to_be_visible()
    assert "Wxq" not in page.content()
    visit.open("/mes-classes/")
    page.locator("summary", has_text="Des prénoms d’élèves sont gardés").click()
    page.get_by_role("button", name="Effacer tous les prénoms").click()
    assert page.evaluate(STORED) == "{}"


def test_a_name_goes_with_its_pupil_and_is_not_given_to_the_next(taught, visit):
    keep(visit, taught)
    word = taught.pupil(2).word
    operations.remove_pupil(classroom_id=taught.classroom.pk, number=2, by=taught.teacher, at=timezone.now())
    taught.add(1)
    # The animal may be drawn again.
    taught.classroom.pupils.filter(number=2).update(word=word)
    page = visit.open(taught.url())
    expect(page.locator("summary", has_text="Effacer les prénoms de cet appareil")).to_be_visible()
    expect(page.locator(".roster")).not_to_have_class(re.compile("has-names"))
    assert NAME not in page.content()


def test_names_are_erased_by_a_button_and_with_the_class(taught, visit):
    page = keep(visit, taught)
    page.locator("summary", has_text="Effacer les prénoms de cet appareil").click()
    page.get_by_role("button", name="Oui, les effacer").click()
    expect(page.get_by_role("button", name="Garder les prénoms sur cet appareil")).to_be_visible()
    assert page.evaluate(STORED) == "{}"
    keep(visit, taught)
    Classroom.objects.update(purged_at=timezone.now())
    page = visit.open(taught.url())
    assert page.evaluate(STORED) == "{}"


def test_names_that_are_not_to_be_kept_are_not(taught, visit):
    page = visit.open(taught.url("feuille/"))
    page.get_by_label(f"Prénom de {words.spell(taught.pupil(1).login)}").fill(NAME)
    page.get_by_role("button", name="Enregistrer ma feuille").click()
    assert page.evaluate(STORED) == "{}"


def test_two_classes_keep_their_names_apart(taught, visit, site):
    keep(visit, taught)
    code, _ = taught.school.subscription()
    seat = seats.claim(code=code, by=taught.teacher, at=timezone.now())
    second = operations.open_class(seat_id=seat.pk, by=taught.teacher, name="CE2", at=timezone.now())
    operations.add_pupils(classroom_id=second.pk, count=1, by=taught.teacher, at=timezone.now())
    page = visit.open(f"/mes-classes/{second.pk}/")
    expect(page.get_by_role("button", name="Garder les prénoms sur cet appareil")).to_be_visible()
    assert NAME not in page.content()
    page = visit.open(taught.url())
    expect(name_of(page, taught.pupil(2))).to_have_text(NAME)
