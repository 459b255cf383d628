"""Orders ready to be paid by card, and the effects of paying them."""

from __future__ import annotations

from decimal import Decimal

from django.db import connection

from licensing.billing.models import Invoice
from licensing.catalogue import terms
from licensing.entitlements.models import Subscription
from licensing.orders.operations.billing_details import BillingDetails
from licensing.orders.operations.drafts import create_school_draft
from licensing.orders.operations.placement import prepare_card_payment
from licensing.payments import card, tasks
from licensing.payments.models import Payment
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory
from tests.factories.shop import get_seller, put_on_sale

BILLING = BillingDetails(
    payer="cooperative",
    name="Coopérative scolaire",
    address="1 rue des Lilas",
    postal_code="30000",
    city="Nîmes",
    email="coop@exemple.example",
)
PRICE = Decimal("199.00")


def create_card_order(*, classes=5, buyer=None):
    """Return a shop order whose buyer chose to pay by card."""
    put_on_sale()
    get_seller()
    affiliation = AffiliationFactory(user=buyer or PrincipalFactory())
    order = create_school_draft(classes=classes, affiliation=affiliation, by=affiliation.user, at=TERM)
    return prepare_card_payment(order_id=order.pk, billing=BILLING, terms_version=terms.CURRENT, at=TERM)


def start_payment(**fields):
    """Return a payment that was started for such an order."""
    order = create_card_order(**fields)
    return card.start_attempt(order_id=order.pk, by=order.placed_by, at=TERM)


def open_checkout(payment, portal):
    """Open Stripe's page as the buyer; return the checkout session."""
    portal.force_login(payment.order.placed_by)
    answer = portal.post(payment.get_process_url())
    assert answer.status_code == 302
    payment.refresh_from_db()
    return payment.transaction_id


def get_effects(order):
    """Return an order's payments, invoices and credit notes, and the sizes of its subscriptions."""
    return {
        "payments": list(Payment.objects.filter(order=order).order_by("pk").values_list("amount", flat=True)),
        "invoices": list(Invoice.objects.filter(order=order).order_by("pk").values_list("kind", flat=True)),
        "licences": list(
            Subscription.objects.filter(key__entitlement__order_line__order=order).values_list("size", flat=True)
        ),
    }


#: Effects of paying an order of five classes once.
PAID_ONCE = {"payments": [PRICE], "invoices": ["invoice"], "licences": [5]}
NO_EFFECTS = {"payments": [], "invoices": [], "licences": []}


def run_jobs():
    """Run the queued card jobs, as a worker does; return their names."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'succeeded'"
            " WHERE status = 'todo' AND task_name LIKE 'payments.card.%'"
            " RETURNING task_name, (args->>'payment_id')::bigint"
        )
        jobs = cursor.fetchall()
    for name, number in jobs:
        getattr(tasks, name.rpartition(".")[2])(payment_id=number)
    return [name.rpartition(".")[2] for name, _ in jobs]
