"""An invited teacher in a real browser: from the letter to the class, with two fields at most."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from licensing.entitlements.models import Entitlement
from licensing.requests.invitations import emails, operations
from tests.accounts.emails import find_link
from tests.conftest import PASSWORD
from tests.e2e.effort import count_effort
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.sessions import create_session
from tests.emails import list_emails, render_email
from tests.factories.accounts import TeacherFactory
from tests.invitations.inviting_school import InvitingSchool

LEA = "lea.martin@ac-nimes.example"


@pytest.fixture
def jaures(committing):
    school = InvitingSchool()
    today = timezone.localdate()
    Entitlement.objects.update(
        first_day=today - datetime.timedelta(days=30), last_day=today + datetime.timedelta(days=200)
    )
    return school


@pytest.fixture
def link(jaures):
    """The path of the link in the letter to Léa Martin."""
    return invite(jaures, f"Léa Martin <{LEA}>")


def invite(jaures, address):
    jaures.invite_one(address, at=timezone.now())
    return find_link(render_email(list_emails(emails.INVITED)[-1]).text)


def is_in_view(page, locator):
    """Whether an element stands within the window, and has the focus."""
    return locator.evaluate(
        "(one) => { const box = one.getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight && document.activeElement === one; }"
    )


@pytest.mark.journey
def test_an_invited_teacher_types_one_field_and_clicks_once(site, link):
    """The name is known from the principal's list: two fields where it is not."""
    visit = site.person()
    effort = count_effort(visit)
    page = visit.open_link(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Bienvenue à l’École Jean Jaurès")
    expect(page.get_by_label("Prénom et nom")).to_have_value("Léa Martin")
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Créer mon compte").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bienvenue, Léa")
    assert (effort.clicks, effort.fields) == (1, {"password"})
    expect(page.locator(".btn-primary")).to_have_text(["Ouvrir ma classe"])
    page.get_by_role("link", name="Ouvrir ma classe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ouvrir ma classe")


def test_an_address_alone_costs_two_fields(site, jaures):
    visit = site.person(width="phone")
    effort = count_effort(visit)
    page = visit.open_link(invite(jaures, "l.martin@ac-nimes.example"))
    page.get_by_label("Prénom et nom").fill("Léa Martin")
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#id_password").press("Enter")
    expect(page.get_by_role("link", name="Ouvrir ma classe")).to_be_in_viewport()
    assert (effort.clicks, effort.fields) == (1, {"name", "password"})
    assert User.objects.get(username="l.martin@ac-nimes.example").last_name == "Martin"


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_the_keyboard_alone_leads_to_the_class(site, link, width):
    page = site.person(width=width).open_link(link)
    page.get_by_label("Prénom et nom").focus()
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Bienvenue, Léa")


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_wrong_stands_in_view_with_the_focus(site, link, scripts):
    visit = site.person(width="phone", scripts=scripts)
    page = visit.open_link(link, scripts=scripts)
    page.get_by_label("Prénom et nom").fill("Léa")
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Créer mon compte").click()
    summary = page.locator(".error-summary")
    expect(summary).to_contain_text("Indiquez votre prénom et votre nom")
    if scripts:
        visit.settle()
        assert is_in_view(page, summary)
        page.locator(".error-summary a").first.click()
        expect(page.get_by_label("Prénom et nom")).to_be_focused()
    else:
        expect(summary).to_be_in_viewport()


def test_the_pages_of_an_invitation_have_no_problems(site, jaures, link, can_sign_in):
    invitation = jaures.licences.invitations.get()
    visit = site.person()
    visit.open(f"/invitation/{invitation.pk}/")
    assert find_problems_at_both_widths(visit) == []  # its link was not opened here
    visit.open_link(link)
    assert find_problems_at_both_widths(visit) == []
    visit.page.get_by_text("J’ai déjà un compte").click()
    visit.page.get_by_label("Identifiant").fill("personne")
    visit.page.get_by_role("button", name="Me connecter et accepter").click()
    expect(visit.page.locator(".error-summary")).to_be_visible()
    assert find_problems_at_both_widths(visit) == []
    for teacher in (TeacherFactory(), can_sign_in(TeacherFactory(email=LEA))):
        signed_in = site.person(session=create_session(site, teacher))
        signed_in.open_link(link)
        assert find_problems_at_both_widths(signed_in) == []
    signed_in.page.get_by_role("button", name="Accepter ma licence").click()
    expect(signed_in.page.get_by_role("link", name="Ouvrir ma classe")).to_be_visible()
    assert find_problems_at_both_widths(signed_in) == []
    visit.open_link(link)  # it has served
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Cette invitation ne peut pas servir")
    assert find_problems_at_both_widths(visit) == []


def test_text_twice_as_large_stays_in_the_page_s_card(site, link):
    page = site.person(width="phone").open_link(link)
    page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    wide = "(main) => [...main.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > innerWidth)"
    assert page.locator("main").evaluate(f"(main) => ({wide})(main).map((one) => one.outerHTML.slice(0, 120))") == []


def test_a_recalled_letter_says_so(site, jaures, link):
    operations.recall_invitation(
        invitation_id=jaures.licences.invitations.get().pk, by=jaures.principal, at=timezone.now()
    )
    expect(site.person().open_link(link).locator("main")).to_contain_text("a annulé cette invitation")
