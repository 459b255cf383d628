"""From the e-mail of a key to the first teacher served: counted, with and without scripts, on a telephone."""

import re

import pytest
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from accounts.models import User
from licensing.entitlements.models import ActivationKey, Subscription
from licensing.orders import operations as orders
from mailing.models import Message
from tests.conftest import PASSWORD, TERM
from tests.e2e.effort import Bounds, count_effort
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.pools.actions import allocate_units
from tests.sites.portal.key_letter import render_last


@pytest.fixture
def school(committing):
    return SchoolFactory(name="École élémentaire Jean Jaurès", commune="Nîmes", email="ce.0300001a@ac.example")


@pytest.fixture
def letter(committing, school, site):
    """The path of the link in the e-mail that the school's mailbox received."""
    with tenant_context(committing):
        pool = orders.grant(collectivity=committing, licences=10, reason="Essai", by=None, at=TERM)
        allocate_units(pool, school, units=3)
    return re.search(r"(/cle/#\S+)", render_last(committing).text)[1]


@pytest.mark.journey
def test_three_clicks_and_three_fields_from_the_e_mail_to_the_first_teacher(site, letter, school):
    teacher = TeacherFactory(first_name="Aïcha", last_name="Lambert")
    AffiliationFactory(user=teacher, school=school)
    visit = site.person()
    effort = count_effort(visit)
    effort.open_mailbox(school.email)
    page = visit.open(letter)
    expect(page.locator("h1")).to_contain_text("Ville de Nîmes vous donne 3 licences")
    assert "#" not in page.url
    assert find_problems_at_both_widths(visit) == []
    page.get_by_label("Prénom").fill("Camille")
    page.get_by_label("Nom", exact=False).and_(page.locator("[name=last_name]")).fill("Martin")
    page.locator("[name=password]").first.press_sequentially(PASSWORD)
    expect(page.locator(".password-rules .is-met")).to_have_count(3)
    page.get_by_role("button", name="Créer mon compte et activer").click()
    expect(page.locator("h1")).to_contain_text("3 licences restent à donner")
    page.get_by_role("button", name=re.compile("^Donner.*Aïcha Lambert")).click()
    expect(page.locator("#licences")).to_contain_text("1 sur 3")
    assert (effort.clicks, effort.fields) == (3, {"first_name", "last_name", "password"})
    effort.assert_within(Bounds(clicks=3, fields=3, pages=2, mailboxes=1))
    subscription = Subscription.objects.get()
    assert (subscription.principal.email, subscription.seats.held().count()) == (school.email, 1)


@pytest.mark.journey
def test_without_scripts_the_key_is_typed_as_in_the_letter(site, letter, committing):
    visit = site.person(scripts=False, width="phone")
    page = visit.open(letter)
    page.get_by_label("Clé d’activation").fill(re.search(r"cle=([\w-]+)", letter)[1])
    page.get_by_role("button", name="Continuer").click()
    expect(page.locator("h1")).to_contain_text("Ville de Nîmes vous donne 3 licences")
    page.get_by_label("Prénom").fill("Camille")
    page.locator("[name=last_name]").fill("Martin")
    page.locator("[name=email]").fill("camille@exemple.example")
    page.locator("[name=password]").first.fill(PASSWORD)
    page.get_by_role("button", name="Créer mon compte", exact=True).click()
    expect(page.locator("main")).to_contain_text("Votre clé est gardée")
    with tenant_context(committing):
        assert Message.objects.count() == 1
    assert User.objects.filter(username="camille@exemple.example").exists()


def test_another_tab_keeps_the_key_and_another_letter_replaces_it(site, letter, can_sign_in):
    user = can_sign_in(PrincipalFactory())
    visit = site.person(width="phone")
    visit.open(letter)
    expect(visit.page.locator("h1")).to_contain_text("3 licences")
    page = visit.page.context.new_page()
    page.goto(site.url("/connexion/"))
    expect(page.locator("main")).to_contain_text("Votre clé est gardée")
    page.get_by_label("Identifiant").and_(page.locator("main [name=login]")).fill(user.username)
    page.locator("main [name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Connexion", exact=True).last.click()
    expect(page.get_by_role("button", name="C’est bien mon école : la choisir et activer")).to_be_visible()
    page.get_by_role("button", name="C’est bien mon école : la choisir et activer").click()
    expect(page.locator("main")).to_contain_text("3 licences pour votre établissement")


@pytest.mark.parametrize("wrong", ["cle=NIMES-0000-0000-0001", "cle=NIMES-7K3M"])
def test_a_link_that_was_cut_or_altered_is_refused_once_and_can_be_corrected(site, letter, wrong):
    visit = site.person()
    page = visit.open(f"/cle/#{wrong}")
    expect(page.locator("#refus-cle")).to_be_visible()
    expect(page.locator("#cle")).to_be_focused()
    assert find_problems_at_both_widths(visit) == []


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_after_each_act_the_message_is_in_view_and_has_the_focus(site, letter, width):
    visit = site.person(width=width)
    page = visit.open(letter)
    page.locator("[name=password]").first.fill("court")
    page.get_by_role("button", name="Créer mon compte et activer").click()
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.locator(".error-summary")).to_be_in_viewport()
    page.locator(".error-summary a", has_text="Prénom").click()
    expect(page.get_by_label("Prénom")).to_be_focused()
    ActivationKey.objects.update(revoked_at=TERM)
    page.get_by_role("button", name="Créer mon compte et activer").click()
    expect(page.locator("[data-notice]")).to_be_focused()
    expect(page.locator("[data-notice]")).to_be_in_viewport()
    expect(page.locator("h1")).to_have_text("Cette clé ne peut pas être activée")
    assert find_problems_at_both_widths(visit) == []


def test_the_form_is_filled_and_sent_with_the_keyboard_at_twice_the_text(site, letter, school):
    visit = site.person(width="phone")
    page = visit.open(letter)
    expect(page.locator("h1")).to_contain_text("3 licences")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.querySelector('main').scrollWidth <= innerWidth")
    page.get_by_label("Prénom").focus()
    page.keyboard.type("Camille")
    page.keyboard.press("Tab")
    page.keyboard.type("Martin")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("3 licences restent à donner")
    assert Subscription.objects.get().school == school
