"""Requests in « Mon compte »: a teacher asks, a principal answers or asks the collectivity."""

import pytest
from django_tenants.utils import schema_context, tenant_context

from licensing.entitlements import operations as seats
from licensing.requests.school_requests import operations
from licensing.requests.school_requests.models import LicenceRequest, MutedLetter, TeacherRequest, TeacherRequestEnd
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.rebalancing.unbalanced_pool import UnbalancedPool
from tests.requests.asking_school import AskingSchool, refuse
from tests.sites.portal.my_account_page import PAGE, get_page, get_version, visible_text
from tests.tiers import sampled

pytestmark = pytest.mark.slow

ASK, OWN, LETTERS = f"{PAGE}demandes/", f"{PAGE}demande/", f"{PAGE}demandes/e-mails/"


@pytest.fixture
def head(jaures):
    """A verified principal of the school."""
    return jaures.add_principal(verified=True)


def ask(jaures, teacher):
    with schema_context("public"):
        return operations.ask_principal(uai=jaures.school.pk, by=teacher, at=TERM)


def test_a_teacher_asks_sees_it_and_withdraws(jaures, as_):
    teacher = jaures.teacher()
    browser = as_(teacher)
    assert "Demander une licence" in visible_text(browser.get(PAGE))
    assert browser.post(OWN, {"uai": jaures.school.pk}).status_code == 302
    text = visible_text(browser.get(PAGE))
    assert "Vous avez demandé une licence à votre direction le" in text
    assert "Demander une licence" not in text
    # Where it stands comes before the other ways to a licence, and nothing offers to ask again.
    assert text.index("Vous avez demandé") < text.index("Vous avez reçu une clé") < text.index("Vous pouvez aussi")
    assert "la lui demander d’ici" not in text
    request = TeacherRequest.objects.get()
    assert browser.post(OWN, {"uai": jaures.school.pk}).status_code == 409
    assert browser.post(f"{OWN}retirer/", {"demande": request.pk}).status_code == 302
    assert "Demander une licence" in visible_text(browser.get(PAGE))


def test_a_teacher_who_has_a_licence_or_no_school_is_not_offered_to_ask(jaures, as_):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    seats.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    assert "Demander une licence" not in visible_text(as_(teacher).get(PAGE))
    assert "Demander une licence" not in visible_text(as_(TeacherFactory()).get(PAGE))


def test_the_principal_reads_what_is_granted_and_cannot_withdraw_it(nimes, as_):
    with tenant_context(nimes):
        lot = UnbalancedPool(nimes)
        request = lot.ask(of=lot.jaures)
        principal = as_(lot.jaures.principal)
    version = get_version(principal.get(PAGE))
    with tenant_context(nimes):
        made = lot.rebalance({lot.zola.pk: 2}, {request.school_id: 2})
    assert get_page(principal, version).status_code == 200
    for page in (PAGE, ASK):
        text = visible_text(principal.get(page))
        assert "2 licences accordées. La collectivité peut encore annuler jusqu’à" in text
        assert "Retirer cette demande" not in text
    assert "quand la réponse à celle-ci sera définitive" in text
    assert principal.post(f"{ASK}retirer/", {"demande": request.pk}).status_code == 302
    assert LicenceRequest.objects.get(pk=request.pk).is_pending
    with tenant_context(nimes):
        lot.undo(made)
    assert "Retirer cette demande" in visible_text(principal.get(ASK))


@pytest.mark.parametrize("uai", ["", "0", "0300000X", "x" * 300, "\u0661"])
def test_a_teacher_asks_no_school_but_their_own(jaures, as_, uai):
    other = SchoolFactory()
    for value in (uai, other.pk):
        assert as_(jaures.teacher()).post(OWN, {"uai": value}).status_code == 409
    assert not TeacherRequest.objects.exists()


@pytest.mark.small
@pytest.mark.parametrize("number", ["0", "999999999999", "-1", "abc", "9" * 40, ""])
def test_a_request_that_is_not_there_is_not_withdrawn(jaures, head, as_, number):
    assert as_(jaures.teacher()).post(f"{OWN}retirer/", {"demande": number}).status_code in (404, 409)
    assert as_(head).post(f"{ASK}retirer/", {"demande": number}).status_code in (302, 404)


def test_the_principal_sees_who_asks_and_gives(jaures, head, as_):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    request = ask(jaures, teacher)
    browser = as_(head)
    version = get_version(browser.get(PAGE))
    assert "demande une licence depuis le 24/11/2026" in visible_text(browser.get(PAGE))
    browser.post(f"{PAGE}attribuer/", {"abonnement": subscription.pk, "enseignant": teacher.pk})
    assert TeacherRequest.objects.get(pk=request.pk).outcome == TeacherRequestEnd.GIVEN
    assert "demande une licence depuis" not in visible_text(browser.get(PAGE))
    assert get_page(browser, version).status_code == 200


def test_an_open_page_learns_that_somebody_asks(jaures, head, as_):
    browser = as_(head)
    version = get_version(browser.get(PAGE))
    assert get_page(browser, version).status_code == 304
    ask(jaures, jaures.teacher())
    assert get_page(browser, version).status_code == 200


def test_the_principal_refuses_with_a_sentence(jaures, head, as_):
    request = ask(jaures, jaures.teacher())
    browser, url = as_(head), f"{OWN}{request.pk}/refuser/"
    assert str(request.teacher) in visible_text(browser.get(url))
    answer = browser.post(url, {"phrase": "voir www.exemple.example"})
    assert answer.status_code == 422
    assert "voir www.exemple.example" in answer.content.decode()
    assert browser.post(url, {"phrase": "Il n’en reste plus."}, follow=True).status_code == 200
    assert TeacherRequest.objects.get().answer == "Il n’en reste plus."
    assert browser.post(url, {"phrase": ""}).status_code == 409


def test_nobody_else_opens_or_refuses_a_teacher_s_request(jaures, as_):
    request = ask(jaures, jaures.teacher())
    other = AskingSchool(siret="").principal
    for stranger in (jaures.principal, jaures.teacher(), PrincipalFactory(), other):
        for method in ("get", "post"):
            assert getattr(as_(stranger), method)(f"{OWN}{request.pk}/refuser/").status_code == 404
    assert TeacherRequest.objects.get().is_pending


def fields(nimes, **changed):
    return {"collectivity": nimes.pk, "school_year": 2027, "units": 3, "reason": "Deux classes ouvrent."} | changed


def test_the_principal_is_reminded_of_what_the_school_still_has(jaures, head, as_):
    browser = as_(head)
    assert "à donner : demandez" not in visible_text(browser.get(ASK))
    jaures.subscription()
    assert "3 licences de l’école restent à donner : demandez" in visible_text(browser.get(ASK))


def test_the_principal_asks_the_collectivity_and_sees_where_it_stands(nimes, jaures, head, as_):
    browser = as_(head)
    ask(jaures, jaures.teacher())
    text = visible_text(browser.get(ASK))
    assert "1 enseignant de votre école vous demande une licence" in text
    assert browser.post(ASK, fields(nimes)).status_code == 302
    request = LicenceRequest.objects.get()
    text = visible_text(browser.get(ASK))
    assert "3 licences pour 2026-2027, demandées à la Ville de Nîmes" in text
    assert "Une demande à la fois par année scolaire" in text
    text = visible_text(browser.get(PAGE))
    assert "envoyée, la réponse viendra par e-mail" in text
    assert "Voir ma demande" in text
    assert "Demander à votre collectivité" not in text
    assert browser.post(ASK, fields(nimes)).status_code == 409
    assert browser.post(f"{ASK}retirer/", {"demande": request.pk}).status_code == 302
    text = visible_text(browser.get(ASK))
    assert text.index("Envoyer la demande") < text.index("demande retirée")
    text = visible_text(browser.get(PAGE))
    assert "demande retirée" not in text
    assert "Demander à votre collectivité" in text
    browser.post(ASK, fields(nimes, units=2))
    with tenant_context(nimes):
        refuse(LicenceRequest.objects.pending().get())
    assert "« Le budget de l’année est engagé. »" in visible_text(browser.get(PAGE))


@pytest.mark.parametrize(
    "changed",
    sampled(
        [
            {"units": "0"},
            {"units": "-1"},
            {"units": "1000000000000"},
            {"units": "trois"},
            {"collectivity": "0"},
            {"collectivity": "999999999999"},
            {"collectivity": "abc"},
            {"school_year": "2030"},
            {"reason": ""},
            {"reason": "x" * 501},
            {"reason": "voir www.exemple.example"},
        ],
        fast=2,
    ),
)
def test_a_request_that_cannot_be_is_refused_beside_its_field(nimes, jaures, head, as_, changed):
    answer = as_(head).post(ASK, fields(nimes, **changed))
    assert answer.status_code == 422
    assert "La demande n’est pas envoyée." in visible_text(answer)
    assert not LicenceRequest.objects.exists()


def test_a_teacher_s_name_does_not_go_up(nimes, jaures, head, as_):
    teacher = jaures.teacher()
    answer = as_(head).post(ASK, fields(nimes, reason=f"Pour {teacher}."))
    assert answer.status_code == 422
    assert "la collectivité n’a pas à savoir" in visible_text(answer)


@pytest.mark.small
def test_a_school_without_a_collectivity_reads_whom_to_call(db, as_):
    elsewhere = SchoolFactory(commune="Rennes", commune_code="35238", departement="Ille", departement_code="035")
    principal = PrincipalFactory()
    AffiliationFactory(user=principal, school=elsewhere, verified_at=TERM, verified_by="operator")
    text = visible_text(as_(principal).get(ASK))
    assert "Parlez-en à votre mairie" in text
    assert "08 25 82 01 11" in text


@pytest.mark.small
def test_who_leads_no_school_reads_why_and_a_teacher_finds_no_page(jaures, as_):
    assert "Seule une direction vérifiée" in visible_text(as_(jaures.principal).get(ASK))
    assert as_(jaures.teacher()).get(ASK).status_code == 404


@pytest.mark.small
def test_the_letter_is_turned_off_and_on(jaures, head, as_):
    browser = as_(head)
    browser.post(LETTERS)
    assert MutedLetter.objects.get().user == head
    browser.post(LETTERS, {"e-mails": "oui"})
    assert not MutedLetter.objects.exists()
