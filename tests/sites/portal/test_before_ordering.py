"""Between a price and an order: a visitor's choice is kept, and a school reads what it already has."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Profile
from licensing.entitlements.models import Seat, SeatMode
from tests.accounts.sign_up_fields import PERSON, TYPED
from tests.emails import list_emails, render_email
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory
from tests.factories.shop import open_shop, sell_next_year
from tests.guide.scenario import create_browser, page_text
from tests.sites.portal.shop_buyer import ShopBuyer

CHOICE = "/boutique/?classes=3#commander"


@pytest.fixture
def year(db):
    """Return the year on sale today."""
    return open_shop()


@pytest.fixture
def buyer(db):
    return ShopBuyer()


def focused(answer) -> list[str]:
    """Return the texts of what gets the focus when the page, or a part of it, is shown."""
    found = re.findall(r"data-focus[^>]*>(.*?)</", answer.content.decode(), re.DOTALL)
    return [text.strip() for text in found]


@pytest.mark.slow
def test_a_visitor_signs_in_and_comes_back_to_the_button(portal, year, can_sign_in):
    answer = portal.post("/boutique/choix/", {"classes": "3"})
    assert answer["Location"] == "/connexion/?next=/boutique/%3Fclasses%3D3%23commander"
    person = can_sign_in(PrincipalFactory(username="testchefetab"))
    AffiliationFactory(user=person)
    answer = portal.post(
        answer["Location"], {"login": "testchefetab", "password": "trois-petits-chats-2026"}, follow=True
    )
    assert answer.redirect_chain[-1][0] == CHOICE
    assert "5 classes - 150 élèves" in page_text(answer)
    assert focused(answer) == ["Commander"]


@pytest.mark.parametrize("path", ["/connexion/", "/inscription/", "/mot-de-passe/oublie/"])
def test_each_page_on_the_way_says_that_the_choice_is_kept(portal, year, path):
    portal.post("/boutique/choix/", {"classes": "3"})
    page = portal.get(path)
    assert "Votre choix est gardé : 3 classes." in page_text(page)
    assert f'href="{CHOICE}"' in page.content.decode()


@pytest.mark.parametrize("kept", [True, False])
def test_the_e_mail_that_confirms_the_address_names_the_choice_that_waits(portal, year, kept):
    if kept:
        portal.post("/boutique/choix/", {"classes": "3"})
    portal.post("/inscription/", PERSON | TYPED)
    [message] = list_emails("account.confirm", recipient=PERSON["email"])
    text = render_email(message).text.replace("\xa0", " ")
    assert ("Votre choix est gardé : 3 classes. Vous y reviendrez" in text) == kept


def test_a_choice_waits_until_it_is_ordered(portal, year, can_sign_in):
    """The account was created on the way: no address leads back, the session does."""
    portal.post("/boutique/choix/", {"classes": "3"})
    AffiliationFactory(user=can_sign_in(PrincipalFactory(username="testchefetab")))
    signed_in = portal.post("/connexion/", {"login": "testchefetab", "password": "trois-petits-chats-2026"})
    assert signed_in["Location"] == CHOICE
    assert "pending_page" in portal.session
    portal.post("/boutique/commander/", {"classes": "3"})
    assert "pending_page" not in portal.session


@pytest.mark.parametrize("typed", ["", "0", "trois"])
def test_what_is_no_number_of_classes_is_not_kept(portal, year, typed):
    answer = portal.post("/boutique/choix/", {"classes": typed})
    assert answer["Location"].startswith("/boutique/?classes=")
    assert "pending_page" not in portal.session


def test_while_a_number_is_typed_the_keyboard_stays_in_its_field(portal, year):
    typing = portal.get("/boutique/", {"classes": "3"}, headers={"HX-Request": "true"})
    assert focused(typing) == []
    assert "data-notice" not in typing.content.decode()
    assert focused(portal.get("/boutique/", {"classes": "3"})) == ["Commander"]


def test_whoever_leads_several_schools_is_led_to_their_choice(year):
    principal = PrincipalFactory()
    AffiliationFactory.create_batch(2, user=principal)
    answer = create_browser(principal).get("/boutique/", {"classes": "3"})
    assert re.search(r'name="etablissement"[^>]*data-focus', answer.content.decode())


@pytest.mark.slow
@pytest.mark.parametrize("query", [{}, {"classes": "3"}])
def test_a_school_reads_which_licences_it_has_not_given(buyer, query):
    order = buyer.ordered()
    page = page_text(buyer.browser.get("/boutique/", query))
    assert "Vous avez déjà 5 licences libres. Donner ce qui est libre, dans « Mon compte »" in page
    seats = list(Seat.objects.filter(subscription__key__entitlement__order_line__order=order))
    for seat in seats[:3]:
        Seat.objects.filter(pk=seat.pk).update(
            holder=TeacherFactory(), held_since=timezone.now(), mode=SeatMode.AUTOMATIC
        )
    assert "Vous avez déjà 2 licences libres." in page_text(buyer.browser.get("/boutique/", query))


@pytest.mark.slow
def test_licences_of_another_year_spare_no_purchase(buyer):
    buyer.ordered()
    sell_next_year(buyer.year, sold_from=timezone.localdate())
    this_year = {"classes": "3", "annee": str(buyer.year.ends_on.year)}
    assert "Vous avez déjà" in page_text(buyer.browser.get("/boutique/", this_year))
    next_year = {"classes": "3", "annee": str(buyer.year.ends_on.year + 1)}
    assert "Vous avez déjà" not in page_text(buyer.browser.get("/boutique/", next_year))


@pytest.mark.slow
@pytest.mark.parametrize("profile", [Profile.TEACHER, Profile.AGENT, Profile.PRINCIPAL])
def test_nobody_reads_of_the_licences_of_others(buyer, profile):
    buyer.ordered()
    stranger = UserFactory(profile=profile)
    AffiliationFactory(user=stranger, school=buyer.school)
    page = page_text(create_browser(stranger).get("/boutique/", {"classes": "1"}))
    assert "Vous avez déjà" not in page


@pytest.mark.slow
def test_each_school_s_licences_are_counted_in_the_same_queries(buyer):
    buyer.ordered()
    with CaptureQueriesContext(connection) as one_school:
        buyer.browser.get("/boutique/", {"classes": "3"})
    other = ShopBuyer(name="Ecole Jules Ferry", commune="Alès")
    other.ordered()
    AffiliationFactory(user=buyer.user, school=other.school, verified_at=timezone.now(), verified_by="operator")
    with CaptureQueriesContext(connection) as two_schools:
        page = page_text(buyer.browser.get("/boutique/", {"classes": "3"}))
    assert "5 licences libres pour Collège Belin (Paris) et 5 licences libres pour École Jules Ferry (Alès)" in page
    assert len(two_schools) == len(one_school)
