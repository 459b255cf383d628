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


def test_an_order_s_number_is_written_as_on_its_documents(operator, gard):
    order = OrderRowFactory(pk=1_035_000, collectivity=gard)
    OrderLineFactory(order=order)
    assert re.search(r">\s*1035000\s*</a>", page_text(operator.get("/admin/orders/order/")))


def test_the_home_page_lists_the_work_queue(operator):
    page = page_text(operator.get("/admin/"))
    assert "Le vendeur n'est pas décrit" in page
    assert "Rien n'est en vente" in page
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
        "1 commande facturée n'est pas réglée quarante-cinq jours après sa facture",
        "1 commande passée, bon de commande attendu par la poste",
        "1 commande restée sans bon de commande",
    ):
        assert sentence in page
    assert "Le vendeur n'est pas décrit" not in page
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
