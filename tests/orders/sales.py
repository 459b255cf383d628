"""Sales made by the operations at the current time, for the back office's tests."""

from __future__ import annotations

import datetime

from django.utils import timezone

from licensing.billing import operations as billing_operations
from licensing.catalogue import terms
from licensing.orders import operations
from licensing.orders.operations import BillingDetails
from licensing.payments import operations as payment_operations
from licensing.payments.models import CardPayment
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.factories.shop import get_seller, put_on_sale

#: Its check digit is right; no establishment has it.
SIRET = "21300189400012"


def open_shop(at: datetime.datetime) -> None:
    """Put on sale a school year that lasts for months from `at`."""
    get_seller()
    put_on_sale(ends_on=datetime.date(at.year + 1, 8, 31), sold_from=at.date() - datetime.timedelta(days=300))


def build_billing(**fields) -> BillingDetails:
    defaults = {
        "payer": "town_hall",
        "name": "Commune de Nîmes",
        "address": "1 place de l'Hôtel de Ville",
        "postal_code": "30000",
        "city": "Nîmes",
        "email": "compta@nimes.example",
        "siret": SIRET,
    }
    return BillingDetails(**defaults | fields)


def create_draft(*, classes=5, at=None):
    """Prepare the guide's order, by a principal of a school of the directory."""
    at = at or timezone.now()
    open_shop(at)
    affiliation = AffiliationFactory(user=PrincipalFactory(), school=SchoolFactory())
    return operations.create_school_draft(classes=classes, affiliation=affiliation, by=affiliation.user, at=at)


def place_order(*, classes=5, at=None, **fields):
    """Place the guide's order, by mandat administratif."""
    order = create_draft(classes=classes, at=at)
    return operations.place(
        order_id=order.pk,
        billing=build_billing(**fields),
        terms_version=terms.CURRENT,
        by=order.placed_by,
        at=at or timezone.now(),
    )


def place_and_confirm(*, by=None, at=None, **fields):
    """Place it and have it invoiced."""
    order = place_order(at=at, **fields)
    billing_operations.confirm(order_id=order.pk, by=by or UserFactory(), at=at or timezone.now())
    order.refresh_from_db()
    return order


def place_and_pay(*, by=None, at=None, **fields):
    """Place it, have it invoiced and paid."""
    at, by = at or timezone.now(), by or UserFactory()
    order = place_and_confirm(by=by, at=at, **fields)
    payment_operations.record_payment(
        order_id=order.pk,
        method="transfer",
        amount=order.total_ttc,
        received_on=at.date(),
        reference="VIR 12",
        by=by,
        at=at,
    )
    order.refresh_from_db()
    return order


def pay_by_card(*, at=None):
    """Have the guide's order paid by card."""
    at = at or timezone.now()
    order = create_draft(at=at)
    operations.prepare_card_payment(order_id=order.pk, billing=build_billing(), terms_version=terms.CURRENT, at=at)
    card = CardPayment.objects.create(
        order=order, variant="default", status="confirmed", currency="EUR", total=order.total_ttc, transaction_id="pi_1"
    )
    return payment_operations.settle_by_card(card_payment_id=card.pk, at=at)


def place_purchase(collectivity, *, units=2000, by=None, at=None):
    """Place a collectivity's purchase."""
    at = at or timezone.now()
    open_shop(at)
    by = by or UserFactory()
    order = operations.create_collectivity_draft(collectivity=collectivity, units=units, by=by, at=at)
    return operations.place(
        order_id=order.pk,
        billing=build_billing(payer="collectivity", name=collectivity.name),
        terms_version=terms.CURRENT,
        by=by,
        at=at,
    )


def upload_scan(order, *, at=None):
    """Upload a signed purchase order."""
    return operations.receive_scan(
        order_id=order.pk,
        filename="bon signé.pdf",
        content=b"%PDF-1.7 signed and stamped",
        by=order.placed_by,
        at=at or timezone.now(),
    )
