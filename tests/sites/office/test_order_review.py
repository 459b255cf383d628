"""A signed purchase order that was uploaded is « en cours de vérification » on every page of the office."""

import html

import pytest

from collectivities.capabilities import Role
from licensing.entitlements.queries import find_orders_under_review
from tests.factories.collectivities import MemberFactory
from tests.factories.orders import PurchaseFactory
from tests.orders.dates import DAY

pytestmark = pytest.mark.slow

REVIEW = "Bon de commande reçu, en cours de vérification"
SUSPENDED = "Droits suspendus, bon de commande reçu, en cours de vérification"
STOPPED = "est arrêté le temps que nous vérifiions votre bon de commande"


@pytest.fixture
def read(office, nimes):
    """Return each page that shows the order or its lot, as somebody who buys and manages reads it."""

    def read_pages(order):
        browser = office("nimes", MemberFactory(roles=[Role.MANAGER, Role.BUYER]).user)
        paths = {"home": "/", "order": f"/achats/{order.pk}/", "orders": "/achats/", "lots": "/lots/"}
        texts = {name: html.unescape(browser.get(path).content.decode()) for name, path in paths.items()}
        return {name: text.replace("\xa0", " ").replace("\u202f", " ") for name, text in texts.items()}

    return read_pages


def test_while_it_is_checked_every_page_says_so_and_none_asks_for_it(read):
    order = PurchaseFactory(scanned=True, current=True)
    assert find_orders_under_review([order.pk, order.pk + 1]) == {order.pk}
    for name, page in read(order).items():
        assert REVIEW in page, name
        assert STOPPED in page, name
        for demand in ("dans l’attente du règlement", "Provisoire", "signé à nous adresser", "à régler ("):
            assert demand not in page, (name, demand)


def test_after_a_refusal_every_page_asks_for_it_again(read):
    order = PurchaseFactory(scan_refused=True, current=True)
    assert find_orders_under_review([order.pk]) == set()
    pages = read(order)
    for name, page in pages.items():
        assert "en cours de vérification" not in page, name
    assert "bon de commande signé à nous adresser" in pages["home"]
    assert "Provisoire" in pages["lots"]


def test_a_suspended_lot_whose_order_is_checked_says_both(read, monkeypatch):
    order = PurchaseFactory(lapsed_scanned=True)
    later = order.placed_at + 47 * DAY
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    for name, page in read(order).items():
        assert SUSPENDED in page, name
        assert "tout reprendra de soi-même dès qu’il sera accepté" in page, name
        assert "à nous adresser" not in page, name


@pytest.mark.small
def test_lots_that_are_paid_for_are_not_asked_about(nimes, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert find_orders_under_review([]) == set()
