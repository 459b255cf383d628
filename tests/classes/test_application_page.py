"""« Accéder à l'application »: a ticket for those with access, a reason for the others."""

import datetime
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from licensing.classes import tickets
from licensing.classes.models import EntryTicket, PupilAccount
from licensing.entitlements.models import Entitlement
from tests.classes.class_rows import create_taught_class
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.classes import PASSWORD, get_password_hash

URL = "/application/"


@pytest.fixture(autouse=True)
def _elsewhere(settings, db):
    settings.APPLICATION_URL = "https://application.example/entrer?de=portail"


@pytest.fixture
def classroom():
    """Return a class whose licence is valid today."""
    return create_taught_class(last_day=timezone.now().date() + datetime.timedelta(days=30))


def ticket_in(answer):
    assert answer.status_code == 302
    parts = urlsplit(answer["Location"])
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "application.example", "/entrer")
    query = parse_qs(parts.query)
    assert query["de"] == ["portail"]
    return query["ticket"][0]


def sign_in_as_pupil(portal, classroom):
    pupil = classroom.pupils.get(number=1)
    PupilAccount.objects.filter(pk=pupil.pk).update(password=get_password_hash())
    answer = portal.post("/eleve/", {"login": pupil.login, "password": PASSWORD})
    assert answer.status_code == 302
    return pupil


@pytest.mark.slow
def test_a_teacher_arrives_with_a_ticket_of_their_own(portal, classroom):
    portal.force_login(classroom.seat.holder)
    answer = portal.get(URL)
    assert tickets.spend(secret=ticket_in(answer), at=timezone.now()).name == f"teacher-{classroom.seat.holder_id}"
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert ticket_in(portal.get(URL)) != ticket_in(portal.get(URL))


@pytest.mark.slow
def test_a_pupil_arrives_with_a_ticket_of_their_own(portal, classroom):
    pupil = sign_in_as_pupil(portal, classroom)
    assert f'href="{URL}"' in portal.get("/eleve/classe/").content.decode()
    assert tickets.spend(secret=ticket_in(portal.get(URL)), at=timezone.now()).name == f"pupil-{pupil.pk}"


@pytest.mark.slow
def test_those_without_access_see_why_and_get_no_ticket(portal, classroom):
    Entitlement.objects.update(suspended_at=timezone.now())
    for who, message in (
        (classroom.seat.holder, "Votre licence est suspendue."),
        (TeacherFactory(), "Aucune licence ne vous est attribuée"),
        (PrincipalFactory(), "attribuez-vous une licence"),
    ):
        portal.force_login(who)
        page = portal.get(URL)
        assert page.status_code == 200
        assert message in page.content.decode()
    Entitlement.objects.update(unpaid_until=timezone.now().date())
    portal.force_login(classroom.seat.holder)
    assert "attend son règlement" in portal.get(URL).content.decode()
    assert not EntryTicket.objects.exists()


@pytest.mark.slow
def test_a_pupil_without_access_sees_why_on_their_page(portal, classroom):
    sign_in_as_pupil(portal, classroom)
    Entitlement.objects.update(suspended_at=timezone.now())
    answer = portal.get(URL, follow=True)
    assert answer.redirect_chain == [("/eleve/classe/", 302)]
    assert "Ta classe est fermée pour le moment" in answer.content.decode()


@pytest.mark.slow
def test_a_visitor_signs_in_and_finds_the_link_again(portal, classroom):
    page = portal.get(URL).content.decode()
    assert 'href="/eleve/"' in page
    back = page.partition('href="/connexion/?next=')[2].partition('"')[0]
    assert back == "%2Fapplication%2F%3Fconnexion"
    teacher = classroom.seat.holder
    teacher.set_password("un mot de passe sûr")
    teacher.save()
    EmailAddress.objects.create(user=teacher, email=teacher.email, primary=True, verified=True)
    form = {"login": teacher.username, "password": "un mot de passe sûr", "next": "/application/?connexion"}
    assert portal.post("/connexion/", form)["Location"] == "/application/?connexion"
    # A page, not a redirect to another host: CSP's form-action forbids that after sign-in.
    ready = portal.get("/application/?connexion")
    assert (ready.status_code, EntryTicket.objects.count()) == (200, 0)
    assert f'href="{URL}"' in ready.content.decode()


@pytest.mark.slow
def test_every_portal_page_links_to_the_application(portal, classroom):
    for page in ("/", "/faq/", "/connexion/"):
        assert f'href="{URL}"' in portal.get(page).content.decode()
    portal.force_login(classroom.seat.holder)
    for page in ("/mon-compte/", "/faq/"):
        assert f'href="{URL}"' in portal.get(page).content.decode()


def test_only_viewing_the_page_creates_a_ticket(portal, classroom):
    portal.force_login(classroom.seat.holder)
    assert portal.head(URL).status_code == 405
    assert portal.post(URL).status_code == 405
    assert not EntryTicket.objects.exists()


def test_an_office_has_no_link_to_the_application(office, nimes, classroom):
    assert office("nimes", classroom.seat.holder).get(URL).status_code == 404


def test_unused_tickets_are_deleted(classroom):
    now = timezone.now()
    for minutes in (0, 59, 61):
        tickets.create(
            person=tickets.ApplicationUser("teacher", classroom.seat.holder_id),
            at=now - datetime.timedelta(minutes=minutes),
        )
    assert tickets.prune(at=now) == 1
    assert EntryTicket.objects.count() == 2


@pytest.mark.slow
def test_in_a_demonstration_the_application_says_who_arrived(portal, classroom, settings):
    settings.APPLICATION_URL = "/demonstration/application/"
    pupil = sign_in_as_pupil(portal, classroom)
    PupilAccount.objects.filter(pk=pupil.pk).update(word="leopard")
    arrival = portal.get(URL)["Location"]
    page = portal.get(arrival).content.decode()
    assert "Ici commence Pep’s" in page
    assert "Léopard" in page
    assert classroom.name in page
    # The ticket is spent, as the application would have spent it.
    again = portal.get(arrival).content.decode()
    assert "Ici commence Pep’s" in again
    assert "Bravo" not in again
    portal.force_login(classroom.seat.holder)
    assert "avec votre licence" in portal.get(portal.get(URL)["Location"]).content.decode()


@pytest.mark.slow
def test_in_a_demonstration_a_pupil_quits_and_others_return(portal, classroom, settings):
    """« Quitter » ends the session, « Retour » says where it leads; also once the ticket is spent."""
    settings.APPLICATION_URL = "/demonstration/application/"
    visitor = portal.get("/demonstration/application/").content.decode()
    assert "Retour à l’accueil" in visitor
    sign_in_as_pupil(portal, classroom)
    arrival = portal.get(URL)["Location"]
    for page in (portal.get(arrival).content.decode(), portal.get(arrival).content.decode()):
        assert re.findall(r"Retour[^<]*", page) == ["Retour à ma classe"]
        assert page.count("<button") == 1
        assert re.search(r'action="/eleve/quitter/"[^>]*>.*?<button[^>]*>Quitter</button>', page, re.DOTALL)
    portal.post("/eleve/quitter/")
    assert "pupil" not in portal.session
    portal.force_login(classroom.seat.holder)
    page = portal.get(portal.get(URL)["Location"]).content.decode()
    assert "Retour à Mon compte" in page
    assert "Quitter" not in page
