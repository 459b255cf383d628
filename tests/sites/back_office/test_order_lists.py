"""The back office's lists of sales: search, work queue, a constant number of queries."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import schema_context

from collectivities.capabilities import Role
from licensing.orders import purchase_orders
from licensing.payments.models import ProviderEvent
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import OrderLineFactory, OrderRowFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.orders.dates import days_ago
from tests.sites.back_office.pages import order_url, page_text

pytestmark = pytest.mark.slow


def test_an_order_is_found_by_its_school_its_buyer_and_its_billing_office(operator):
    order = OrderFactory(current=True, placed=True)
    for query in (order.school_id, order.placed_by.email, "Compta@Nimes.example"):
        assert f'href="{order_url(order)}"' in page_text(operator.get("/admin/rechercher/", {"query": query})), query


@pytest.mark.parametrize("page", ["billing/invoice", "orders/order", "payments/payment", "everywhere"])
def test_a_sale_is_found_by_number_amount_and_client(operator, page):
    """As a bank, an accountant and a letter write them, in the three lists and everywhere at once."""
    order = OrderFactory(current=True, paid=True)
    OrderFactory(current=True, paid=True, classes=1, billing__cooperative=True)
    invoice = order.invoices.get()
    # By its client's name, everywhere, all that the client ordered is found.
    by_name = "mairie nimes"
    for query in (
        f"p{invoice.year} {invoice.sequence:06}",
        f"P{invoice.year}-{invoice.sequence}",
        f"{invoice.total_ttc}".replace(".", ","),
        by_name,
        "213 001 894 00012",
    ):
        if page == "everywhere":
            found = operator.get("/admin/rechercher/", {"query": query}).context["found"]
            if query == by_name:
                assert invoice in found.invoices
                assert order in found.orders
            else:
                assert (found.invoices, found.orders) == ([invoice], [order]), query
        else:
            (row,) = operator.get(f"/admin/{page}/", {"q": query}).context["cl"].result_list
            assert getattr(row, "order", row) == order, query


@pytest.mark.small
def test_a_mistyped_key_is_searched_as_no_name(operator):
    """It goes into no statement, which a log may keep."""
    with CaptureQueriesContext(connection) as captured:
        page = page_text(operator.post("/admin/rechercher/", {"query": "NIMES-7K3M-9QTX-2HW2"}))
    assert "faute de frappe" in page
    assert "7k3m" not in str(captured.captured_queries).lower()


def test_a_search_of_sales_takes_the_same_queries_whatever_it_finds(operator, django_assert_num_queries):
    pages = ("billing/invoice", "orders/order", "payments/payment")
    OrderFactory(current=True, paid=True)
    # A person whose name resembles the word, as one of the orders' may do by chance: what a person holds is one more.
    UserFactory(first_name="Marie")

    def search():
        for page in pages:
            operator.get(f"/admin/{page}/", {"q": "mairie"})
        operator.get("/admin/rechercher/", {"query": "mairie"})

    search()  # what is cached once for all
    with CaptureQueriesContext(connection) as few:
        search()
    for _ in range(2):
        OrderFactory(current=True, paid=True)
    with django_assert_num_queries(len(few)):
        search()


def test_an_order_s_number_is_written_as_on_its_documents(operator, gard):
    order = OrderRowFactory(pk=1_035_000, collectivity=gard)
    OrderLineFactory(order=order)
    assert re.search(r">\s*1035000\s*</a>", page_text(operator.get("/admin/orders/order/")))


def test_the_home_page_lists_the_work_queue(operator):
    page = page_text(operator.get("/admin/"))
    assert "Le vendeur n’est pas décrit" in page
    assert "Rien n’est en vente" in page
    now = timezone.now()
    long_ago = days_ago(60)
    OrderFactory(current=True, scanned=True)
    late = OrderFactory(current=True, confirmed=True, at=long_ago)
    OrderFactory(current=True, placed=True, at=long_ago)
    purchase_orders.remind_and_lapse(now)
    OrderFactory(current=True, placed=True)
    page = page_text(operator.get("/admin/"))
    for sentence in (
        "Bon de commande signé",
        "en retard de 30 jours",
        "1 commande facturée n’est pas réglée quarante-cinq jours après sa facture",
        "1 commande passée, bon de commande signé attendu",
        "1 commande restée sans bon de commande",
    ):
        assert sentence in page
    assert "Le vendeur n’est pas décrit" not in page
    (found,) = operator.get("/admin/orders/order/?attend=echues").context["cl"].result_list
    assert found == late


@pytest.mark.parametrize(
    "page",
    [
        "orders/order",
        "billing/invoice",
        "payments/payment",
        "orders/purchaseorderscan",
        "payments/cardpayment",
        "payments/providerevent",
    ],
)
def test_every_list_takes_the_same_queries_whatever_its_length(operator, page, django_assert_num_queries):
    def sell():
        OrderFactory(current=True, scanned=True)
        OrderFactory(current=True, paid=True)
        order = OrderFactory(current=True, paid_by_card=True)
        ProviderEvent.objects.create(
            variant="stripe", event_id=f"evt_{order.pk}", kind="refund.failed", received_at=timezone.now()
        )

    sell()
    address = f"/admin/{page}/"
    with CaptureQueriesContext(connection) as few:
        operator.get(address)
    sell()
    with django_assert_num_queries(len(few)):
        assert operator.get(address).context["cl"].result_count > 1


def test_a_signed_order_that_came_is_under_review_on_each_page_that_names_it(operator, nimes):
    """On the page of the client with orders and lots, in the search, in the admin's list and on its page."""
    member = MemberFactory(roles=[Role.BUYER]).user
    order = PurchaseFactory(current=True, placed=True, units=100, by=member)
    pages = [
        f"/admin/clients/collectivite/{nimes.pk}/",
        f"/admin/rechercher/?query=commande+{order.pk}",
        "/admin/orders/order/",
        order_url(order),
    ]

    def read(path):
        with schema_context("public"):
            return page_text(operator.get(path)).replace("’", "'")

    for path in pages:
        assert "en cours de vérification" not in read(path), path
    actions.upload(order, at=timezone.now())
    for path in pages:
        assert "Bon de commande reçu, en cours de vérification" in read(path), path
