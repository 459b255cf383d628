"""A restored copy is read, not written; it says so to whoever looks, and to those who watch it."""

import pytest
from django.test import Client
from django.utils import timezone
from payments import PaymentStatus

from collectivities.capabilities import Role
from tests.factories.collectivities import MemberFactory
from tests.factories.payments import CardPaymentFactory
from tests.installation.copies import note
from tests.jobs.queue_rows import beat

NOTICE = "Site en cours de restauration."


@pytest.fixture
def held(db):
    note(timeline=77)


@pytest.mark.slow
def test_pages_are_read_and_say_it(nimes, portal, office, held):
    member = MemberFactory(roles=[Role.VIEWER])
    assert NOTICE in portal.get("/").content.decode()
    assert NOTICE in office("nimes", member.user).get("/").content.decode()


def test_a_site_that_is_not_held_says_nothing(portal):
    assert NOTICE not in portal.get("/").content.decode()


def test_what_would_write_is_refused(portal, held):
    answer = portal.post("/contact/", {"message": "Bonjour"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "600")
    assert "n’a pas été fait" in answer.content.decode()
    assert portal.post("/nulle-part/").status_code == 503


@pytest.mark.parametrize("status", [PaymentStatus.WAITING, PaymentStatus.INPUT])
def test_a_page_that_would_ask_another_server_is_refused(portal, held, status):
    payment = CardPaymentFactory(status=status)
    portal.force_login(payment.order.placed_by)
    page = "" if status == PaymentStatus.WAITING else "retour/"
    answer = portal.get(f"/paiement/{payment.token}/{page}")
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "600", "no-store")


def test_a_program_reads_it_as_a_problem(nimes, held):
    answer = Client(HTTP_HOST="nimes.peps.localhost").post("/api/v1/allocations", {}, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert answer.json()["code"] == "installation_held"


def test_one_signs_in_all_the_same(portal, held):
    assert portal.post("/connexion/", {"login": "nobody", "password": "wrong"}).status_code == 200


def test_whoever_watches_is_woken(held, settings):
    settings.HEALTH_TOKEN = "jeton-de-qui-surveille-0123456789"
    beat(timezone.now())
    shown = {"Authorization": f"Bearer {settings.HEALTH_TOKEN}"}
    answer = Client(HTTP_HOST="192.0.2.7").get("/sante/travaux/", headers=shown)
    assert (answer.status_code, answer.json()["status"]) == (503, "held")
    assert Client(HTTP_HOST="192.0.2.7").get("/sante/pret/").status_code == 200
