"""« Mon compte » between order and licences: what an order waits for, and how to have more licences."""

import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from licensing.catalogue.models import SchoolYear
from licensing.orders.models import Order
from tests.emails import list_emails
from tests.factories.schools import AffiliationFactory
from tests.factories.shop import sell_next_year
from tests.guide.scenario import page_text
from tests.sites.portal.shop_buyer import ShopBuyer

pytestmark = pytest.mark.slow

TABS = ["/mon-compte/", "/mon-compte/licences/"]


@pytest.fixture
def buyer(db):
    return ShopBuyer()


@pytest.fixture
def unknown_buyer(buyer):
    """Return the head of a school typed by hand, whose orders of more than five classes are checked first."""
    buyer.affiliation.delete()
    AffiliationFactory(user=buyer.user, school=None, name="École Sainte-Anne", city="Nîmes", country="France")
    return buyer


def place(buyer, classes) -> Order:
    order = buyer.draft(classes)
    assert buyer.pays(order, payer="cooperative", name="Coopérative scolaire", siren="").status_code == 302
    return order


@pytest.mark.parametrize("path", TABS)
def test_an_order_that_is_checked_is_named_where_its_licences_will_stand(unknown_buyer, path):
    assert "Commande n°" not in page_text(unknown_buyer.browser.get(path))
    order = place(unknown_buyer, 10)
    answer = unknown_buyer.browser.get(path)
    assert f"Commande n° {order.pk} (10 licences) : nous la vérifions." in page_text(answer)
    assert f'href="/boutique/commandes/{order.pk}/"' in answer.content.decode()
    for offer in ("Pas encore de clé ?", "découvrez la licence"):
        assert offer not in page_text(answer)


@pytest.mark.parametrize("path", TABS)
def test_an_order_says_that_it_is_to_be_signed_then_that_its_signature_is_checked(buyer, path):
    order = place(buyer, 5)
    assert f"Commande n° {order.pk} (5 licences) : bon de commande à signer." in page_text(buyer.browser.get(path))
    signed = SimpleUploadedFile("bon.pdf", b"%PDF-1.7 signed")
    buyer.browser.post(f"/boutique/commandes/{order.pk}/bon-signe/", {"file": signed})
    assert "votre bon de commande signé est à l'étude." in page_text(buyer.browser.get(path))


def test_a_signed_order_that_is_checked_has_one_message_and_an_acknowledgement(unknown_buyer):
    order = place(unknown_buyer, 10)
    address = f"/boutique/commandes/{order.pk}/"
    assert "Vos licences ne sont pas encore ouvertes." in page_text(unknown_buyer.browser.get(address))
    unknown_buyer.browser.post(f"{address}bon-signe/", {"file": SimpleUploadedFile("bon.pdf", b"%PDF-1.7 signed")})
    page = page_text(unknown_buyer.browser.get(address))
    assert "Nous le vérifions : vous n'avez rien à faire." in page
    assert "Vos licences ne sont pas encore ouvertes." not in page
    assert len(list_emails("order.scan_received", recipient=unknown_buyer.user.email)) == 1


@pytest.mark.parametrize("path", TABS)
def test_unsigned_orders_take_as_many_queries_whatever_their_number(unknown_buyer, path):
    counts = []
    for _ in range(3):
        place(unknown_buyer, 10)
        with CaptureQueriesContext(connection) as queries:
            unknown_buyer.browser.get(path)
        counts.append(len(queries))
    assert len(set(counts)) == 1


def test_who_has_licences_reads_how_to_have_more_and_what_follows(buyer):
    place(buyer, 5)
    year = SchoolYear.objects.get()
    page = page_text(buyer.browser.get("/mon-compte/licences/"))
    assert "Il vous en faut davantage ? Achetez des licences" in page
    assert "une nouvelle licence ouvre une nouvelle classe, ou continue la précédente." in page
    assert "sont en vente" not in page
    following = sell_next_year(year, sold_from=datetime.date(year.ends_on.year, 6, 1))
    page = page_text(buyer.browser.get("/mon-compte/licences/"))
    assert f"Les licences {following} sont en vente à partir du 1er juin {year.ends_on.year}." in page


@pytest.mark.small
def test_the_shop_asks_for_the_number_to_add_where_there_are_licences(buyer):
    added = "Le nombre à ajouter aux licences que vous avez déjà : saisissez-le"
    assert added not in page_text(buyer.browser.get("/boutique/"))
    place(buyer, 5)
    assert added in page_text(buyer.browser.get("/boutique/"))
