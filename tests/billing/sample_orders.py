"""Sample orders to invoice, written straight to the tables; real orders come from the operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import money
from core.calendar import date_in_paris
from licensing.catalogue import pricing
from licensing.orders.models import Order, OrderKind, OrderLine, OrderState, Payer, SettlementMethod
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.schools import SchoolFactory
from tests.factories.shop import get_seller, put_on_sale

if TYPE_CHECKING:
    import datetime


def create_order(*lines: pricing.PricedLine, at: datetime.datetime = TERM, **fields) -> Order:
    """Create a placed shop order that a town hall pays; `fields` override."""
    get_seller()
    sum_of = money.sum_amounts(line.amounts for line in lines)
    order = Order.objects.create(
        **{
            "kind": OrderKind.SHOP,
            "state": OrderState.PLACED,
            "method": SettlementMethod.MANDATE,
            "created_at": at,
            "placed_at": at,
            "terms_accepted_at": at,
            "payer": Payer.TOWN_HALL,
            "bill_name": "Mairie de Nîmes",
            "bill_address": "Place de l'Hôtel de Ville",
            "bill_postal_code": "30000",
            "bill_city": "Nîmes",
            "bill_country": "France",
            "bill_email": "compta@nimes.example",
            "siret": "21300189400012",
            "service_code": "SCOLAIRE",
            "engagement_number": "EJ-2026-0042",
            "total_ht": sum_of.ht,
            "total_vat": sum_of.vat,
            "total_ttc": sum_of.ttc,
            **fields,
            "placed_by": fields.get("placed_by") or UserFactory(),
        }
    )
    for line in lines:
        OrderLine.objects.create(
            order=order,
            product=line.product,
            school_year=line.school_year,
            quantity=line.quantity,
            description=line.description,
            billed_quantity=line.billed_quantity,
            unit_ht=line.unit_ht,
            vat_rate=line.vat_rate,
            total_ht=line.amounts.ht,
            total_vat=line.amounts.vat,
            total_ttc=line.amounts.ttc,
        )
    return order


def five_classes(at: datetime.datetime = TERM, **fields) -> Order:
    """Create the guide's order: 5 classes for 199,00 €, for a school of Nîmes."""
    put_on_sale()
    fields.setdefault("school", SchoolFactory())
    return create_order(pricing.price_classes(5, date_in_paris(at)), at=at, **fields)


def card_purchase(at: datetime.datetime = TERM) -> Order:
    """Create a teacher's purchase of one class, by card."""
    put_on_sale()
    return create_order(
        pricing.price_classes(1, date_in_paris(at)),
        at=at,
        method=SettlementMethod.CARD,
        payer=Payer.OTHER,
        bill_name="Camille Durand",
        bill_address="3 rue des Lilas",
        bill_email="camille+classe@exemple.example",
        siret="",
        service_code="",
        engagement_number="",
    )


def collectivity_purchase(collectivity, units: int = 2000, at: datetime.datetime = TERM, **fields) -> Order:
    """Create a collectivity's purchase of `units` licences."""
    put_on_sale()
    return create_order(
        pricing.price_volume(units, date_in_paris(at)),
        at=at,
        **{
            "kind": OrderKind.PURCHASE,
            "collectivity": collectivity,
            "payer": Payer.COLLECTIVITY,
            "bill_name": collectivity.name,
            "bill_address": "3 rue Guillemette",
            "bill_city": "Nîmes",
            "bill_postal_code": "30044",
            "siret": "22300001900011",
            "quote_number": "DV-2026-12",
            **fields,
        },
    )


def duplicate(order: Order) -> Order:
    """Duplicate the order for the same buyer."""
    lines = list(order.lines.all())
    order.pk = None
    order.save(force_insert=True)
    for line in lines:
        line.pk, line.order = None, order
        line.save(force_insert=True)
    return order
