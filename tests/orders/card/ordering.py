"""Orders ready to be paid by card, and the effects of paying them."""

from __future__ import annotations

from decimal import Decimal

from django.db import connection

from licensing.catalogue import terms
from licensing.orders import card
from licensing.orders.card import tasks
from licensing.orders.models import Invoice, Payment
from licensing.orders.operations.billing import Billing
from licensing.orders.operations.drafting import draft_for_school
from licensing.orders.operations.placing import choose_card
from licensing.subscriptions.models import Subscription
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory
from tests.factories.shop import on_sale, seller

BILLING = Billing(
    payer="cooperative",
    name="Coopérative scolaire",
    address="1 rue des Lilas",
    postal_code="30000",
    city="Nîmes",
    email="coop@exemple.example",
)
PRICE = Decimal("199.00")


def ready(*, classes=5, buyer=None):
    """Return a shop order whose buyer chose to pay by card."""
    on_sale()
    seller()
    affiliation = AffiliationFactory(user=buyer or PrincipalFactory())
    order = draft_for_school(classes=classes, affiliation=affiliation, by=affiliation.user, at=TERM)
    return choose_card(order_id=order.pk, billing=BILLING, terms_version=terms.CURRENT, at=TERM)


def begun(**fields):
    """Return a payment that was started for such an order."""
    order = ready(**fields)
    return card.start(order_id=order.pk, by=order.placed_by, at=TERM)


def at_stripe(payment, portal):
    """Open Stripe's page as the buyer; return the checkout session."""
    portal.force_login(payment.order.placed_by)
    answer = portal.post(payment.get_process_url())
    assert answer.status_code == 302
    payment.refresh_from_db()
    return payment.transaction_id


def effects(order):
    """Return an order's payments, invoices and credit notes, and the sizes of its subscriptions."""
    return {
        "payments": list(Payment.objects.filter(order=order).order_by("pk").values_list("amount", flat=True)),
        "invoices": list(Invoice.objects.filter(order=order).order_by("pk").values_list("kind", flat=True)),
        "licences": list(
            Subscription.objects.filter(key__source__order_line__order=order).values_list("size", flat=True)
        ),
    }


#: Effects of paying an order of five classes once.
SETTLED = {"payments": [PRICE], "invoices": ["invoice"], "licences": [5]}
NOTHING = {"payments": [], "invoices": [], "licences": []}


def work():
    """Run the queued card jobs, as a worker does; return their names."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'succeeded'"
            " WHERE status = 'todo' AND task_name LIKE 'orders.card.%'"
            " RETURNING task_name, (args->>'payment_id')::bigint"
        )
        jobs = cursor.fetchall()
    for name, number in jobs:
        getattr(tasks, name.rpartition(".")[2])(payment_id=number)
    return [name.rpartition(".")[2] for name, _ in jobs]
