"""What pupils do with the product: in the operator's words, as ours would be invented."""

import pytest
from django.utils import timezone

from licensing.books.billing.documents import get_or_create_quote
from licensing.catalogue.models import Product
from licensing.catalogue.operations import get_licence_product
from licensing.orders import operations
from sites.demo.shop import SUMMARY
from tests.billing.pdf_text import extract_text
from tests.factories.accounts import OperatorFactory
from tests.factories.schools import SchoolFactory
from tests.guide.scenario import page_text
from tests.sites.portal.key_letter import render_last, send_key
from tests.sites.portal.shop_buyer import ShopBuyer

WORDS = "Lecture & calcul, à l'oral comme à l'écrit"
ASKED = "Écrivez ce que les élèves exercent dans Pep's"


@pytest.fixture
def operator(portal):
    portal.force_login(OperatorFactory())
    return portal


def write_summary(text=WORDS):
    Product.objects.filter(pk=get_licence_product().pk).update(summary=text)


@pytest.mark.parametrize("path", ["/", "/boutique/"])
def test_home_and_shop_say_it_as_written_and_as_text(portal, db, path):
    certain = "Pep's s'utilise par Internet, dans un navigateur à jour : rien n'est à installer."
    before = portal.get(path)
    assert 'id="ce-qu-on-exerce"' not in before.content.decode()
    assert certain in page_text(before)
    write_summary()
    after = portal.get(path)
    assert "Lecture &amp; calcul" in after.content.decode()
    assert WORDS in page_text(after)
    assert certain in page_text(after)


@pytest.mark.slow
def test_a_key_s_email_and_a_quote_say_it(nimes):
    write_summary()
    send_key(nimes, SchoolFactory())
    assert f"{WORDS}." in render_last(nimes).text.replace("’", "'")
    buyer = ShopBuyer()
    order = operations.issue_quote(order_id=buyer.draft().pk, by=buyer.user, at=timezone.now())
    assert f"{WORDS}." in extract_text(get_or_create_quote(order, at=timezone.now())).replace("’", "'")


@pytest.mark.slow
def test_the_operator_is_asked_until_it_is_written(operator):
    product = get_licence_product()
    assert ASKED in page_text(operator.get("/admin/"))
    page = f"/admin/catalogue/product/{product.pk}/change/"
    assert page in operator.get("/admin/").content.decode()
    fields = {"name": product.name, "for_elementary": "on", "vat_rate": "20.00"}
    refused = operator.post(page, fields | {"summary": "a" * 301})
    assert "300" in page_text(refused)
    assert operator.post(page, fields | {"summary": "Lecture,\n  calcul."}).status_code == 302
    product.refresh_from_db()
    assert product.summary == "Lecture, calcul."
    assert ASKED not in page_text(operator.get("/admin/"))


def test_the_demonstration_says_that_its_sentence_is_an_example():
    assert SUMMARY.startswith("Exemple de la démonstration")
    assert len(SUMMARY) <= (Product._meta.get_field("summary").max_length or 0)  # noqa: SLF001 - documented API
