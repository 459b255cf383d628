"""What the receivers of a shop order's documents read: the accounts office, the buyer, who is paid back."""

import io

import pypdf
import pytest
from django.utils import timezone

from core import formatting
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.snapshots import format_refund_terms
from licensing.orders.rights import get_entitlement
from licensing.payments import operations as payment_operations
from tests.factories.accounts import OperatorFactory
from tests.guide.scenario import list_emails
from tests.sites.portal.shop_buyer import ShopBuyer

pytestmark = pytest.mark.slow


@pytest.fixture
def buyer(db):
    return ShopBuyer()


def read_pdf(content) -> str:
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    return " ".join(text.replace("\xa0", " ").split())


def test_the_accounts_office_reads_on_the_quote_who_orders_and_how_it_is_paid(buyer):
    answer = buyer.browser.post(buyer.basket(buyer.draft()), buyer.fields(faire="devis"), follow=True)
    text = read_pdf(answer.content)
    assert "Camille Vidal, qui a demandé ce devis, passe la commande sur le portail" in text
    assert "Par carte bancaire à la commande, ou sur facture : elle est émise à réception du bon" in text


def test_whoever_pays_for_themselves_reads_how_to_order(buyer):
    quoted = buyer.fields(faire="devis", payer="other", name="Camille Vidal")
    answer = buyer.browser.post(buyer.basket(buyer.draft()), quoted, follow=True)
    assert "Passez la commande sur le portail, dans « Mes commandes »" in read_pdf(answer.content)


@pytest.mark.small
def test_the_confirmation_names_the_last_day_to_send_the_purchase_order(buyer):
    order = buyer.ordered()
    until = formatting.long_date(get_entitlement(order).provisional_until)
    [email] = [email for email in list_emails(buyer.user) if "bon de commande" in email.subject]
    assert f"au plus tard le {until}" in email.subject


def test_a_credit_note_says_to_which_account_its_amount_goes(buyer):
    order, by, now = buyer.ordered(), OperatorFactory(), timezone.now()
    billing_operations.confirm(order_id=order.pk, by=by, at=now)
    payment_operations.record_payment(
        order_id=order.pk, method="transfer", amount=order.total_ttc, received_on=timezone.localdate(now),
        reference="M 12", by=by, at=now,
    )  # fmt: skip
    billing_operations.cancel(order_id=order.pk, reason="Commandée deux fois.", by=by, at=now)
    note = order.invoices.latest("pk")
    text = read_pdf(buyer.browser.get(f"/boutique/commandes/{order.pk}/factures/{note.number}/").content)
    assert format_refund_terms("transfer").replace("'", "’") in text
    assert "sur le compte qui a réglé la facture" in text
