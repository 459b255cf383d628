"""The back office's lists of sales: search, work queue, a constant number of queries."""

from __future__ import annotations

import datetime
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from licensing.orders import operations
from licensing.payments.models import ProviderEvent
from tests.factories.licensing import OrderLineFactory, OrderRowFactory
from tests.factories.orders import OrderFactory
from tests.sites.back_office.pages import order_url, page_text


def test_an_order_is_found_by_its_school_its_buyer_and_its_billing_office(operator):
    order = OrderFactory(current=True, placed=True)
    for query in (order.school_id, order.placed_by.email, "Compta@Nimes.example"):
        assert f'href="{order_url(order)}"' in page_text(operator.post("/admin/rechercher/", {"query": query})), query


@pytest.mark.parametrize("page", ["billing/invoice", "orders/order", "payments/payment", "everywhere"])
def test_a_sale_is_found_by_number_amount_and_client(operator, page):
    """As a bank, an accountant and a letter write them, in the three lists and everywhere at once."""
    order = OrderFactory(current=True, paid=True)
    OrderFactory(current=True, paid=True, classes=1, billing__cooperative=True)
    invoice = order.invoices.get()
    for query in (
        f"p{invoice.year} {invoice.sequence:06}",
        f"P{invoice.year}-{invoice.sequence}",
        f"{invoice.total_ttc}".replace(".", ","),
        "mairie nimes",
        "213 001 894 00012",
    ):
        if page == "everywhere":
            found = operator.post("/admin/rechercher/", {"query": query}).context["found"]
            assert (found.invoices, found.orders) == ([invoice], [order]), query
        else:
            (row,) = operator.get(f"/admin/{page}/", {"q": query}).context["cl"].result_list
            assert getattr(row, "order", row) == order, query


def test_a_mistyped_key_is_searched_as_no_name(operator):
    """It goes into no statement, which a log may keep."""
    with CaptureQueriesContext(connection) as captured:
        page = page_text(operator.post("/admin/rechercher/", {"query": "NIMES-7K3M-9QTX-2HW2"}))
    assert "faute de frappe" in page
    assert "7k3m" not in str(captured.captured_queries).lower()


def test_a_search_of_sales_takes_the_same_queries_whatever_it_finds(operator, django_assert_num_queries):
    pages = ("billing/invoice", "orders/order", "payments/payment")
    OrderFactory(current=True, paid=True)

    def search():
        for page in pages:
            operator.get(f"/admin/{page}/", {"q": "mairie"})
        operator.post("/admin/rechercher/", {"query": "mairie"})

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
    long_ago = now - datetime.timedelta(days=60)
    OrderFactory(current=True, scanned=True)
    late = OrderFactory(current=True, confirmed=True, at=long_ago)
    OrderFactory(current=True, placed=True, at=long_ago)
    operations.remind_and_lapse(now)
    OrderFactory(current=True, placed=True)
    page = page_text(operator.get("/admin/"))
    for sentence in (
        "1 bon de commande signé à vérifier",
        "1 commande facturée n’est pas réglée quarante-cinq jours après sa facture",
        "1 commande passée, bon de commande attendu par la poste",
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
    for _ in range(3):
        sell()
    with django_assert_num_queries(len(few)):
        assert operator.get(address).context["cl"].result_count > 3
