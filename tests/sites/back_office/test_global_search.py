"""« Rechercher partout », in the header of every page: finds by anything, keeps the query but never a key."""

import logging
import re

import pytest
from django.db import connection
from django.utils.html import strip_tags
from django_tenants.utils import schema_context, tenant_context

from collectivities.operations.members import invite
from licensing.entitlements import keys
from licensing.payments.models import Payment
from schools.models import DirectoryWord
from sites.back_office import global_search, name_search
from tenants.models import Collectivity
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import KeyFactory
from tests.factories.orders import OrderFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.tiers import sampled

ADDRESS = "/admin/rechercher/"
CODE = "7K3M9QTX2HW" + keys.compute_check_symbol("7K3M9QTX2HW")


def search(operator, query):
    with schema_context("public"):
        return operator.post(ADDRESS, {"query": query}, follow=True)


def test_a_school_is_found_in_every_collectivity(operator, nimes, gard):
    school = SchoolFactory(name="École Jean Jaurès")
    PortfolioSchoolFactory(school=school, contact_email="contact@nimes.example")
    with tenant_context(gard):
        PortfolioSchoolFactory(school=school, contact_email="contact@gard.example")
    AffiliationFactory(school=school, user=PrincipalFactory(username="cheffe"))
    page = search(operator, school.uai.lower()).content.decode()
    for expected in ("École Jean Jaurès", "contact@nimes.example", "contact@gard.example", "cheffe"):
        assert expected in page


@pytest.mark.slow
def test_a_person_is_found_by_address_whatever_the_case(operator, nimes, gard):
    person = UserFactory(email="Awa@Nimes.example", username="awa")
    with tenant_context(gard):
        MemberFactory(user=person)
    invite(email="awa@nimes.example", roles=["viewer"], by=None, at=TERM)
    page = strip_tags(search(operator, "AWA@nimes.example").content.decode())
    for expected in ("awa", "Département du Gard – Membre", "Ville de Nîmes, bureau, lecteur"):
        assert expected in page


def test_a_key_is_found_and_written_nowhere(operator, nimes, caplog):
    key = KeyFactory(code="7K3M9QTX2HW" + keys.compute_check_symbol("7K3M9QTX2HW"))
    with caplog.at_level(logging.DEBUG):
        page = search(
            operator, f"nimes-{'7K3M-9QTX'.lower()}-2HW{keys.compute_check_symbol('7K3M9QTX2HW')}"
        ).content.decode()
    assert f"Clé n° {key.pk}" in page
    assert key.school.name in page
    assert "7K3M" not in page.upper()
    assert "7K3M" not in caplog.text.upper()


@pytest.mark.parametrize(
    ("query", "result"),
    [("NIMES-7K3M-9QTX-2HW2", "faute de frappe"), ("", "Saisissez"), ("rien@nulle.part", "Rien, dans aucune")],
)
def test_an_empty_search_result_says_why(operator, nimes, query, result):
    assert result in search(operator, query).content.decode()


def test_a_search_of_all_collectivities_takes_a_constant_number_of_queries(
    operator, nimes, django_assert_max_num_queries
):
    with schema_context("public"), django_assert_max_num_queries(28):
        operator.get(ADDRESS, {"query": "a@exemple.example"})


def links(page):
    """Return the addresses that the results lead to."""
    return set(re.findall(r'href="(/admin/(?:clients/[^"]+|[^"]+/change/))"', read_results(page)))


def read_results(page):
    """Return the part of the page with what was found."""
    return page.partition('<section aria-live="polite">')[2].partition("</section>")[0]


@pytest.mark.usefixtures("no_offices")
@pytest.mark.parametrize(
    ("query", "name"),
    sampled(
        [
            ("Ville d'Alès", "Ville d'Alès"),
            ("ales", "Ville d'Alès"),
            ("MAIRIE D’ALES", "Ville d'Alès"),
            ("alès", "Ville d'Alès"),
            ("Nimes", "Ville de Nîmes"),
            ("Nîme", "Ville de Nîmes"),
            ("nismes", "Ville de Nîmes"),
            ("213001894", "Ville de Nîmes"),
            ("213 001 894", "Ville de Nîmes"),
            ("gard", "Département du Gard"),
        ],
        fast=2,
    ),
)
def test_a_client_is_found_as_people_write_and_misspell_it(query, name, operator, nimes, gard):
    with schema_context("public"):
        alone = Collectivity.objects.create(
            name="Ville d'Alès", kind="commune", siren="213000078", slug="ales", key_prefix="ALES",
            schema_name="ales", created_at=TERM,
        )  # fmt: skip
        expected = next(one for one in (nimes, gard, alone) if one.name == name)
        found = global_search.search_everywhere(query).collectivities
    assert found == [expected]
    page = search(operator, query).content.decode()
    assert links(page) >= {f"/admin/clients/collectivite/{expected.pk}/"}


@pytest.mark.slow
@pytest.mark.parametrize("query", ["Périer", "odile perier", "PERRIER Odile", "operier", "odile.perrier@nime.example"])
def test_a_person_is_found_by_a_name_a_username_or_a_misspelt_address(query, operator):
    person = UserFactory(first_name="Odile", last_name="Périer", username="operier", email="odile.perier@nimes.example")
    UserFactory(first_name="Paul", last_name="Durand", username="pdurand")
    with schema_context("public"):
        assert global_search.search_everywhere(query).people == [person]
    assert f"/admin/accounts/user/{person.pk}/change/" in links(search(operator, query).content.decode())


@pytest.mark.slow
@pytest.mark.parametrize("query", ["Collège Feuchères", "colege feucheres", "Feuchere college"])
def test_a_school_is_found_by_its_name_whatever_the_spelling(query, operator, db):
    school = SchoolFactory(name="Collège Feuchères", commune="Nîmes")
    for word in ("college", "feucheres", "nimes"):
        DirectoryWord.objects.get_or_create(word=word, defaults={"school_count": 9})
    assert f"/admin/schools/school/{school.pk}/change/" in links(search(operator, query).content.decode())


@pytest.mark.slow
def test_sales_are_found_by_client_number_and_amount(operator, db):
    with schema_context("public"):
        order = OrderFactory(current=True, paid=True, billing__name="Institut Saint-Rémy")
        waiting = OrderFactory(current=True, placed=True, billing__name="Institut Saint-Rémy")
        invoice, payment = order.invoices.get(), Payment.objects.get(order=order)
    number, amount = invoice.number, f"{invoice.total_ttc:.2f}".replace(".", ",")
    wanted = {
        "institut saint-rémy": [f"orders/order/{waiting.pk}", f"billing/invoice/{invoice.pk}"],
        "Institu Saint Remi": [f"orders/order/{waiting.pk}", f"billing/invoice/{invoice.pk}"],
        number: [f"orders/order/{order.pk}", f"billing/invoice/{invoice.pk}"],
        str(order.pk): [f"orders/order/{order.pk}", f"billing/invoice/{invoice.pk}"],
        amount: [f"orders/order/{order.pk}", f"billing/invoice/{invoice.pk}", f"payments/payment/{payment.pk}"],
    }
    for query, things in wanted.items():
        assert links(search(operator, query).content.decode()) >= {f"/admin/{thing}/change/" for thing in things}, query


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_every_result_is_a_link_to_a_page_that_opens(operator, nimes, number):
    key = KeyFactory(code=CODE)
    PortfolioSchoolFactory(school=key.school, contact_email="contact@nimes.example")
    with schema_context("public"):
        OrderFactory(current=True, paid=True)
    found = set()
    queries = ("contact@nimes.example", key.school.uai, "nimes", "199", keys.display("NIMES", CODE))
    for query in queries[:number]:
        page = search(operator, query).content.decode()
        results = re.findall(r"<li>(.*?)</li>", read_results(page))
        assert results, query
        assert all("<a " in result for result in results)
        found |= links(page)
    for link in found:
        assert operator.get(link).status_code == 200, link


# --- The query is kept, a key is not ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_query_is_kept_in_the_field_and_in_the_address(operator, db):
    answer = search(operator, "Ville d'Alès")
    assert answer.request["QUERY_STRING"] == "query=Ville+d%27Al%C3%A8s"
    assert 'value="Ville d&#x27;Alès"' in answer.content.decode()


@pytest.mark.slow
def test_the_search_is_in_the_header_of_every_page(operator, nimes):
    for path in ("/admin/", "/admin/accounts/user/", f"/admin/tenants/collectivity/{nimes.pk}/change/", ADDRESS):
        assert operator.get(path).content.decode().count('action="/admin/rechercher/"') == 1, path


@pytest.mark.parametrize(
    "typed", [keys.display("NIMES", CODE), CODE.lower(), CODE[:-1], f"{CODE[:4]} {CODE[4:8]}", "ABCD-EFGH-JKLM"]
)
def test_what_may_be_a_key_is_in_no_address_and_in_no_field(typed, operator, nimes):
    KeyFactory(code=CODE)
    answer = search(operator, typed)
    assert (answer.status_code, answer.redirect_chain, answer.request["QUERY_STRING"]) == (200, [], "")
    assert typed not in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    asked = operator.get(ADDRESS, {"query": typed}).content.decode()
    assert "jamais dans l’adresse" in asked
    assert typed not in asked
    assert "Clé n°" not in asked


def test_a_search_that_takes_too_long_is_stopped_and_says_so(operator, nimes, monkeypatch):
    def wait(_words):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(name_search, "find_people", wait)
    monkeypatch.setitem(global_search._LIMITS, "statement_timeout", "20ms")  # noqa: SLF001 - the test does not wait 5 s
    assert "ajoutez un mot" in search(operator, "nimes").content.decode()


@pytest.mark.slow
def test_a_search_by_name_takes_as_many_queries_whatever_is_found(operator, nimes, django_assert_max_num_queries):
    UserFactory.create_batch(3, last_name="Nimoise")
    with schema_context("public"), django_assert_max_num_queries(31):
        operator.get(ADDRESS, {"query": "nimes"})
