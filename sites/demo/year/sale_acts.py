"""Acts of the simulated year: a collectivity's purchase, from the quote to the payment."""

from __future__ import annotations

import datetime

from core.calendar import date_in_paris
from licensing.billing import operations as billing_operations
from licensing.billing.documents import get_or_create_purchase_order, get_or_create_quote
from licensing.catalogue import terms
from licensing.orders import billing_details, operations, purchase_orders
from licensing.orders.billing_details import BillingDetails
from licensing.orders.models import Order
from licensing.payments import operations as payment_operations
from sites.demo.year.places import OPERATOR, OfficeStory
from sites.demo.year.world import YearWorld

_SIGNED_PDF = b"%PDF-1.4\n% Bon de commande, signature et cachet de la demonstration.\n%%EOF\n"


def quote(world: YearWorld, *, office: OfficeStory, year: int, units: int) -> None:
    """Have the buyer ask for a quote."""
    order = _draft(world, office, year, units)
    order = operations.issue_quote(order_id=order.pk, by=world.user(office.buyer), at=world.at)
    get_or_create_quote(order, at=world.at)


def order(world: YearWorld, *, office: OfficeStory, year: int, units: int) -> None:
    """Have the buyer place the order, of the quote where there is one."""
    quoted = world.orders.get((office.slug, year))
    placed = _draft(world, office, year, units) if quoted is None else Order.objects.get(pk=quoted)
    buyer = world.user(office.buyer)
    placed = operations.place(
        order_id=placed.pk, billing=_build_billing(world, office), terms_version=terms.CURRENT, by=buyer, at=world.at
    )
    get_or_create_purchase_order(placed, at=world.at)


def send_purchase_order(world: YearWorld, *, office: OfficeStory, year: int) -> None:
    """Have the buyer upload the signed purchase order."""
    number = world.orders[office.slug, year]
    purchase_orders.receive_scan(
        order_id=number, filename="bon-signe.pdf", content=_SIGNED_PDF, by=world.user(office.buyer), at=world.at
    )


def confirm_purchase_order(world: YearWorld, *, office: OfficeStory, year: int) -> None:
    """Have the operator confirm it: the invoice is issued."""
    billing_operations.confirm(order_id=world.orders[office.slug, year], by=world.user(OPERATOR), at=world.at)


def pay(world: YearWorld, *, office: OfficeStory, year: int) -> None:
    """Have the operator record the transfer."""
    owed = Order.objects.get(pk=world.orders[office.slug, year])
    payment_operations.record_payment(
        order_id=owed.pk,
        method="transfer",
        amount=owed.total_ttc,
        received_on=date_in_paris(world.at) - datetime.timedelta(days=1),
        reference=f"Mandat {year}-{owed.pk}",
        by=world.user(OPERATOR),
        at=world.at,
    )


def _draft(world: YearWorld, office: OfficeStory, year: int, units: int) -> Order:
    draft = operations.create_collectivity_draft(
        collectivity=world.office(office), units=units, by=world.user(office.buyer), at=world.at, ends_in=year
    )
    world.orders[office.slug, year] = draft.pk
    return draft


def _build_billing(world: YearWorld, office: OfficeStory) -> BillingDetails:
    address, postal_code, city = office.address
    buyer = world.user(office.buyer)
    prefilled = billing_details.prefill_billing_details(
        Order(kind="purchase", collectivity=world.office(office), placed_by=buyer)
    )
    return BillingDetails(
        payer="collectivity",
        name=office.name,
        address=address,
        postal_code=postal_code,
        city=city,
        email=buyer.email,
        siret=prefilled.siret,
        service_code="EDUCATION",
        engagement_number=f"EJ-{world.at:%Y}-0147",
    )
