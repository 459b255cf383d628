"""« Rendre des licences » on the portal: the page, its refusals, the banner of a request, and « Annuler »."""

import datetime
import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from licensing.entitlements.models import Entitlement
from licensing.requests.returns.models import LicenceReturn, ReturnRequest
from schools.models import Affiliation
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.returns.given_school import GivenSchool
from tests.tiers import sampled

pytestmark = pytest.mark.slow

LICENCES = "/mon-compte/licences/"


@pytest.fixture
def jaures(nimes):
    return GivenSchool(nimes, at=timezone.now())


@pytest.fixture
def browser(portal, jaures):
    portal.force_login(jaures.principal)
    return portal


@pytest.fixture
def address(jaures):
    return f"/mon-compte/rendre/{jaures.subscription.pk}/"


def read(answer):
    return re.sub(r"\s+", " ", answer.content.decode().replace("\xa0", " "))


def test_the_tab_leads_to_the_page_which_says_what_it_means(browser, address):
    assert address in read(browser.get(LICENCES))
    page = read(browser.get(address))
    assert "5 licences de «" in page
    assert "n’ont jamais servi" in page
    assert 'name="nombre" value="5"' in page


def test_giving_back_is_shown_and_undone_from_the_tab(browser, jaures, address):
    page = read(browser.post(address, {"nombre": "2", "acte": "rendre"}, follow=True))
    assert "2 licences sont rendues" in page
    assert "il vous en reste 3" in page
    number = re.search(r'name="retour" value="(\d+)"', page)[1]
    page = read(browser.post("/mon-compte/rendre/annuler/", {"retour": number}, follow=True))
    assert "le retour est annulé" in page
    assert jaures.figures()[:2] == (15, 5)
    assert 'name="retour"' not in read(browser.get(LICENCES))


def test_a_subscription_that_was_given_back_counts_as_none(browser, address):
    browser.post(address, {"nombre": "5", "acte": "rendre"})
    page = read(browser.get(LICENCES))
    assert "Aucun abonnement en cours" in page
    assert "Rendue le" in page
    assert "0 sur 0" not in page
    home = read(browser.get("/mon-compte/"))
    assert "Pas encore de clé" in home
    assert "0 sur 0" not in home
    assert "Il n’y a rien à rendre" in read(browser.get(address))


@pytest.mark.parametrize("number", sampled(["", "0", "-3", "6", "1.5", "1000000000000", "x", "５０"], fast=2))
def test_hostile_numbers_change_nothing(number, browser, jaures, address):
    answer = browser.post(address, {"nombre": number, "acte": "rendre"})
    assert answer.status_code in (409, 422)
    assert jaures.figures()[:2] == (15, 5)


def test_a_second_click_gives_back_what_is_left_or_says_why_not(browser, jaures, address):
    assert browser.post(address, {"nombre": "3", "acte": "rendre"}).status_code == 302
    assert browser.post(address, {"nombre": "3", "acte": "rendre"}).status_code == 409
    assert jaures.figures()[:2] == (18, 2)


def test_nobody_else_opens_the_page_or_undoes(portal, jaures, address):
    made = jaures.give_back(1, at=timezone.now()).licence_return
    for person in (PrincipalFactory(), TeacherFactory()):
        portal.force_login(person)
        assert portal.get(address).status_code == 404
        assert portal.post(address, {"nombre": "1"}).status_code == 404
        assert portal.post("/mon-compte/rendre/annuler/", {"retour": made.pk}).status_code == 404
    assert portal.get("/mon-compte/rendre/900000001/").status_code == 404
    assert portal.post("/mon-compte/rendre/annuler/", {"retour": "1e9"}).status_code == 404
    assert portal.post("/mon-compte/rendre/annuler/", {"retour": "0"}).status_code == 404
    assert jaures.figures()[:2] == (16, 4)


def test_who_is_not_verified_reads_how_to_be(browser, address):
    Affiliation.objects.update(verified_at=None, verified_by="")
    assert address not in read(browser.get(LICENCES))
    answer = browser.get(address)
    assert (answer.status_code, "pas encore vérifiée" in read(answer)) == (409, True)


def test_a_suspended_lot_refuses_with_a_sentence(browser, jaures, address):
    Entitlement.objects.update(suspended_at=timezone.now(), suspension_cause="operator")
    assert address not in read(browser.get(LICENCES))
    answer = browser.post(address, {"nombre": "1", "acte": "rendre"})
    assert (answer.status_code, "suspendues" in read(answer)) == (409, True)
    assert jaures.figures()[:2] == (15, 5)


@pytest.fixture
def asked(jaures):
    return jaures.ask(at=timezone.now())


@pytest.mark.parametrize("page", [LICENCES, "/mon-compte/"])
def test_a_request_is_a_banner_that_answers_in_one_click(page, asked, browser, jaures, address):
    words = read(browser.get(page))
    assert "vous demande 5 licences qui ne servent pas" in words
    assert "sans réponse, rien ne change" in words
    browser.post(address, {"nombre": "5", "acte": "rendre"})
    asked.refresh_from_db()
    assert (asked.outcome, asked.returned_units) == ("accepted", 5)
    assert "vous demande" not in read(browser.get(page))


def test_a_request_is_declined_with_a_sentence(asked, browser, jaures, address):
    page = read(browser.get(address))
    assert f'name="demande" value="{asked.pk}"' in page
    form = {"demande": str(asked.pk), "mot": "Deux classes ouvrent en janvier", "acte": "garder", "nombre": ""}
    assert "vous gardez ces licences" in read(browser.post(address, form, follow=True))
    asked.refresh_from_db()
    assert (asked.outcome, asked.comment) == ("declined", "Deux classes ouvrent en janvier")
    assert jaures.figures()[:2] == (15, 5)
    again = browser.post(address, form)
    assert (again.status_code, "n’attend plus de réponse" in read(again)) == (409, True)


@pytest.mark.small
def test_a_sentence_is_300_letters_at_most(asked, browser, address):
    form = {"demande": str(asked.pk), "mot": "x" * 301, "acte": "garder"}
    assert browser.post(address, form).status_code == 422
    assert not ReturnRequest.objects.get().outcome


def test_a_request_of_another_school_is_not_answered(asked, portal, nimes, gard):
    with tenant_context(gard):
        other = GivenSchool(gard, at=timezone.now())
    portal.force_login(other.principal)
    form = {"demande": str(asked.pk), "mot": "", "acte": "garder"}
    answer = portal.post(f"/mon-compte/rendre/{other.subscription.pk}/", form)
    assert answer.status_code == 409
    assert not ReturnRequest.objects.get().outcome


def test_a_request_past_its_day_is_shown_no_more(asked, browser):
    ReturnRequest.objects.update(expires_at=timezone.now() - datetime.timedelta(seconds=1))
    assert "vous demande" not in read(browser.get(LICENCES))


def test_the_pages_take_as_many_queries_whatever_was_asked_and_returned(
    browser, jaures, nimes, django_assert_max_num_queries
):
    for _ in range(3):
        jaures.give_back(1, at=timezone.now())
    assert LicenceReturn.objects.count() == 3
    with django_assert_max_num_queries(32):
        browser.get(LICENCES)
