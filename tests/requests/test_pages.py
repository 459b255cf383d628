"""« Demandes » in the office: the list, the page that says what will happen, and what a manager answers."""

import re

import pytest
from django_tenants.utils import schema_context, tenant_context

from collectivities.capabilities import Role
from collectivities.models import LetterChoice
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import Entitlement, Subscription
from licensing.pools.models import Allocation, Pool
from licensing.requests.school_requests.models import LicenceRequest, LicenceRequestEnd
from tests.conftest import TERM
from tests.factories.collectivities import MemberFactory
from tests.pools.actions import allocate_units, mark_redeemed
from tests.requests.asking_school import AskingSchool, accept, open_pool, read, refuse
from tests.sites.portal.my_account_page import visible_text
from tests.tiers import sampled

pytestmark = pytest.mark.slow

PAGE, DECIDE = "/demandes/", "/demandes/repondre/"


@pytest.fixture
def manager(office, nimes):
    return office("nimes", MemberFactory().user)


def send(browser, *requests, action="accepter", **fields):
    fields = {"demandes": [one.pk for one in requests], "action": action} | fields
    return browser.post(DECIDE, fields)


def test_the_list_says_what_each_school_asks_and_has(manager, jaures):
    pool = open_pool()
    given = allocate_units(pool, jaures.school, units=4)
    mark_redeemed(given, jaures.principal)
    with schema_context("public"):
        subscription = Subscription.objects.get(key=given.key_id)
        entitlements.assign(subscription_id=subscription.pk, teacher=jaures.add_teacher(), by=jaures.principal, at=TERM)
    jaures.ask()
    page = manager.get(PAGE)
    [row] = page.context["table"].rows
    assert (row.get_cell("held"), row.get_cell("used")) == (4, 1)
    text = visible_text(page)
    assert "1 école attend votre réponse, pour 3 licences" in text
    assert "Deux classes de CE2 ouvrent." in text
    assert jaures.principal.last_name not in text


def test_a_manager_reads_what_will_happen_then_gives_to_several(manager, jaures):
    other, pool = AskingSchool(), open_pool(20)
    first, second = jaures.ask(), other.ask(units=2)
    fields = {"lot": pool.pk, f"licences-{first.pk}": "1", f"licences-{second.pk}": " 2 "}
    text = visible_text(send(manager, first, second, **fields))
    assert "2 écoles reçoivent 3 licences" in text
    assert "2 clés partent par e-mail." in text
    assert "1 sur 3 demandées" in text
    assert not Allocation.objects.exists()
    answer = send(manager, first, second, **fields, confirmed="3")
    assert answer.status_code == 302
    assert (read(first).accepted_units, read(second).accepted_units) == (1, 2)
    answered = visible_text(manager.get(f"{PAGE}?etat=repondues"))
    assert "Acceptée" in answered


def test_a_second_click_gives_nothing_more(manager, jaures):
    pool, request = open_pool(), jaures.ask()
    assert send(manager, request, lot=pool.pk, confirmed="3").status_code == 302
    assert send(manager, request, lot=pool.pk, confirmed="3").status_code == 409
    assert Pool.objects.get(pk=pool.pk).allocated == 3


@pytest.mark.small
def test_what_changed_since_it_was_read_is_read_again(manager, jaures):
    pool, request = open_pool(), jaures.ask()
    answer = send(manager, request, lot=pool.pk, confirmed="2")
    assert answer.status_code == 409
    assert "a changé depuis que vous l’avez lu" in visible_text(answer)
    assert read(request).is_pending


def test_a_large_gift_asks_for_its_number(manager, jaures):
    pool = open_pool(100)
    for _ in range(5):
        allocate_units(pool, AskingSchool().school, units=2)
    request = jaures.ask(units=8)
    answer = send(manager, request, lot=pool.pk, confirmed="8", confirmed_count="9")
    assert answer.status_code == 422
    assert read(request).is_pending
    assert send(manager, request, lot=pool.pk, confirmed="8", confirmed_count="8").status_code == 302


def test_a_lot_that_is_too_small_or_of_another_year_says_so(manager, jaures):
    pool, request = open_pool(2), jaures.ask()
    answer = send(manager, request, lot=pool.pk)
    assert answer.status_code == 409
    assert "n’a plus que 2 licences libres" in visible_text(answer)
    assert send(manager, request, lot=pool.pk, confirmed="3").status_code == 409
    Entitlement.objects.filter(pk=pool.entitlement_id).update(last_day="2028-08-31")
    answer = send(manager, request, lot=pool.pk, **{f"licences-{request.pk}": "1"})
    assert "choisissez un lot de cette année-là" in visible_text(answer)
    assert read(request).is_pending


def test_a_school_with_a_key_of_another_lot_is_named(manager, jaures):
    allocate_units(open_pool(), jaures.school, units=4)
    request = jaures.ask()
    assert "une seconde clé part" in visible_text(send(manager, request, lot=open_pool().pk))


@pytest.mark.parametrize("typed", sampled(["0", "-1", "trois", "1000000000000", "1001", "1.5", "٣"], fast=2))
def test_an_absurd_number_is_refused_and_kept(manager, jaures, typed):
    request = jaures.ask()
    answer = send(manager, request, lot=open_pool().pk, **{f"licences-{request.pk}": typed})
    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.content.decode()
    assert read(request).is_pending


@pytest.mark.small
@pytest.mark.parametrize("lot", ["", "0", "999999999999", "-1", "abc"])
def test_a_lot_that_is_not_there_is_refused(manager, jaures, lot):
    assert send(manager, jaures.ask(), lot=lot, confirmed="3").status_code == 422
    assert not Allocation.objects.exists()


@pytest.mark.parametrize("number", ["0", "999999999999", "-1", "abc", "9" * 40])
def test_a_request_that_is_not_there_is_refused(manager, jaures, number):
    jaures.ask()
    for action in ("accepter", "refuser"):
        answer = manager.post(DECIDE, {"demandes": number, "action": action, "lot": open_pool().pk, "phrase": "Non."})
        assert answer.status_code in (409, 422)
    assert manager.post(DECIDE, {"demandes": number, "action": "effacer"}).status_code == 404


def test_another_office_s_request_is_not_there(office, nimes, gard, jaures):
    request = jaures.ask()
    with tenant_context(gard):
        browser, pool = office("gard", MemberFactory().user), open_pool()
    assert jaures.school.pk not in browser.get(PAGE).content.decode()
    assert send(browser, request, lot=pool.pk, confirmed="3").status_code == 409
    assert send(browser, request, action="refuser", phrase="Non.").status_code == 409
    assert LicenceRequest.objects.get().is_pending


def test_refusing_takes_a_sentence_that_is_kept_when_it_is_refused(manager, jaures):
    request = jaures.ask()
    for phrase in ("  ", "voir www.exemple.example"):
        answer = send(manager, request, action="refuser", phrase=phrase)
        assert answer.status_code == 422
        assert phrase.strip() in answer.content.decode()
    assert send(manager, request, action="refuser", phrase="Pas cette année.").status_code == 302
    assert (read(request).outcome, read(request).answer) == (LicenceRequestEnd.REFUSED, "Pas cette année.")
    assert "Pas cette année." in visible_text(manager.get(f"{PAGE}?etat=repondues"))


def test_who_is_no_manager_reads_and_does_nothing(office, nimes, jaures):
    request = jaures.ask()
    browser = office("nimes", MemberFactory(roles=[Role.VIEWER]).user)
    page = browser.get(PAGE)
    assert "Deux classes" in page.content.decode()
    assert "Donner ces licences" not in page.content.decode()
    assert send(browser, request, lot=open_pool().pk, confirmed="3").status_code == 403


def test_the_export_has_every_request_and_its_answer(manager, jaures):
    jaures.ask()
    refuse(AskingSchool().ask())
    answer = manager.get("/demandes/export.xlsx")
    assert answer["Content-Type"].endswith("spreadsheetml.sheet")
    assert answer.content.startswith(b"PK")


def test_the_letter_is_turned_off_and_on(manager, jaures):
    jaures.ask()
    checked = r'id="id_e-mails"\s+checked'
    manager.post("/demandes/e-mails/")
    assert list(LetterChoice.objects.values_list("letter", "is_wanted")) == [("requests", False)]
    assert not re.search(checked, manager.get(PAGE).content.decode())
    manager.post("/demandes/e-mails/", {"e-mails": "oui"})
    assert list(LetterChoice.objects.values_list("letter", "is_wanted")) == [("requests", True)]
    assert re.search(checked, manager.get(PAGE).content.decode())


def test_a_page_of_the_list_takes_a_constant_number_of_queries(manager, jaures, django_assert_max_num_queries):
    pool = open_pool(100)
    jaures.ask()
    manager.get(PAGE)
    for _ in range(4):
        school = AskingSchool()
        allocate_units(pool, school.school, units=2)
        school.ask()
    with django_assert_max_num_queries(16):
        manager.get(PAGE)


def test_home_distribute_and_the_school_s_page_say_who_asks(manager, jaures):
    request = jaures.ask()
    assert "1 école demande 3 licences et attend votre réponse." in visible_text(manager.get("/"))
    assert "1 école demande 3 licences" in visible_text(manager.get("/distribuer/"))
    page = visible_text(manager.get(f"/ecoles/{jaures.school.pk}/"))
    assert "3 licences pour 2026-2027, demande du" in page
    accept(open_pool(), request, at=TERM)
    assert "3 licences données" in visible_text(manager.get(f"/ecoles/{jaures.school.pk}/"))
    assert "attend votre réponse" not in visible_text(manager.get("/"))
