"""Orders in each of their states, reached by the operations alone."""

from __future__ import annotations

import dataclasses
import datetime
from decimal import Decimal

from django.db import connection
from django_tenants.utils import schema_context

from collectivities.models import Role
from core.calendar import date_in_paris
from licensing.billing import operations as billing_operations
from licensing.catalogue import terms
from licensing.entitlements.models import Entitlement
from licensing.orders import operations, siret_numbers
from licensing.orders.models import PaymentMethod
from licensing.orders.operations import BillingDetails
from licensing.payments import operations as payment_operations
from licensing.payments.models import CardPayment
from mailing.models import Message
from sites.audit.sales_invariants import SALES_INVARIANTS
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import AffiliationFactory
from tests.factories.shop import get_seller, put_on_sale

DAY = datetime.timedelta(days=1)
PLACED_ON = TERM.date()
#: Last day of the provisional rights of an order placed at TERM, and last day of the school year.
UNTIL = datetime.date(2027, 1, 8)
YEAR_ENDS = datetime.date(2027, 8, 31)
SCAN = b"%PDF-1.7 bon pour accord"

MAIRIE = BillingDetails(
    payer="town_hall",
    name="Mairie de Nîmes",
    address="Place de l'Hôtel de Ville",
    postal_code="30000",
    city="Nîmes",
    email="compta@nimes.example",
    siret="213 001 894 00012",
)
COOPERATIVE = BillingDetails(
    payer="cooperative", name="OCCE 30", address="1 rue Haute", postal_code="30000", city="Nîmes", email="o@x.example"
)
DEPARTEMENT = BillingDetails(
    payer="collectivity",
    name="Département du Gard",
    address="3 rue Guillemette",
    postal_code="30044",
    city="Nîmes",
    email="finances@gard.example",
    siret=siret_numbers.get_head_office("223000019"),
)


def with_fields(billing, **fields):
    return dataclasses.replace(billing, **fields)


def at_day(day: int, hour: int = 10) -> datetime.datetime:
    """Return the moment `day` days after TERM, at `hour` in Paris."""
    return (TERM + day * DAY).replace(hour=hour)


def draft(*, classes=5, at=TERM, affiliation=None, **_):
    """Return a principal's draft order for their school."""
    put_on_sale()
    get_seller()
    affiliation = affiliation or AffiliationFactory(user=PrincipalFactory())
    return operations.create_school_draft(classes=classes, affiliation=affiliation, by=affiliation.user, at=at)


def collectivity_draft(collectivity, *, units=2000, at=TERM):
    """Return a buyer's draft order for the collectivity, whose schema must be entered."""
    put_on_sale()
    get_seller()
    buyer = MemberFactory(roles=[Role.BUYER]).user
    return operations.create_collectivity_draft(collectivity=collectivity, units=units, by=buyer, at=at)


def place(order, *, at=TERM, billing=None):
    """Place the order by mandat administratif."""
    billing = billing or (DEPARTEMENT if order.collectivity_id else MAIRIE)
    return operations.place(order_id=order.pk, billing=billing, terms_version=terms.CURRENT, by=order.placed_by, at=at)


def choose_card(order, *, at=TERM, billing=MAIRIE):
    """Choose payment by card for the draft."""
    return operations.prepare_card_payment(order_id=order.pk, billing=billing, terms_version=terms.CURRENT, at=at)


def by_card(**given):
    return choose_card(draft(**given), at=given.get("at", TERM))


def placed(**given):
    return place(draft(**given), at=given.get("at", TERM))


def scanned(**given):
    order = placed(**given)
    upload(order, at=given.get("at", TERM))
    return order


def lapsed(**given):
    order = placed(**given)
    operations.remind_and_lapse(given.get("at", TERM) + 46 * DAY)
    order.refresh_from_db()
    return order


def lapsed_scanned(**given):
    order = lapsed(**given)
    upload(order, at=at_day(47))
    return order


def placed_days_ago(days):
    """Return an order that was placed `days` days ago."""
    order = placed()
    operations.remind_and_lapse(at_day(days))
    return order


def scan_refused():
    order = placed()
    operations.refuse_scan(scan_id=upload(order).pk, reason="La signature manque.", by=create_operator(), at=TERM)
    return order


def prolonged():
    order = placed()
    return operations.prolong(order_id=order.pk, until=at_day(60).date(), by=create_operator(), at=TERM)


def confirm(order, *, at=TERM):
    """Confirm the purchase order and return the invoice."""
    invoice = billing_operations.confirm(order_id=order.pk, by=create_operator(), at=at)
    order.refresh_from_db()
    return invoice


def confirmed(**given):
    order = placed(**given)
    confirm(order, at=given.get("at", TERM))
    return order


def paid(**given):
    order = confirmed(**given)
    pay(order, at=given.get("at", TERM))
    order.refresh_from_db()
    return order


def cancel(order, *, at=TERM):
    return billing_operations.cancel(order_id=order.pk, reason="Doublon.", by=create_operator(), at=at)


def cancelled(**given):
    return cancel(paid(**given), at=given.get("at", TERM))


STATES = {
    make.__name__: make
    for make in (draft, by_card, placed, scanned, lapsed, lapsed_scanned, confirmed, paid, cancelled)
}  # fmt: skip


def create_operator():
    return UserFactory(is_staff=True)


def upload(order, *, content=SCAN, at=TERM):
    return operations.receive_scan(order_id=order.pk, filename="bon.pdf", content=content, by=order.placed_by, at=at)


def pay(order, *, amount=None, reference="VIR 1", at=TERM, by=None):
    return payment_operations.record_payment(
        order_id=order.pk,
        method=PaymentMethod.TRANSFER,
        amount=order.total_ttc if amount is None else Decimal(amount),
        received_on=at.date(),
        reference=reference,
        by=by or create_operator(),
        at=at,
    )


def add_confirmed_card(order):
    """Return a card payment that the provider confirmed and that is not settled yet."""
    return CardPayment.objects.create(
        order=order, variant="default", status="confirmed", currency="EUR", total=order.total_ttc,
        token=f"{order.pk}-{CardPayment.objects.count()}",
    )  # fmt: skip


def get_entitlement(order):
    return Entitlement.objects.get(order_line__order=order)


def get_deadlines(order):
    """Return the last day of provisional rights, the payment's due date, and whether rights are suspended."""
    entitlement = get_entitlement(order)
    return entitlement.provisional_until, entitlement.unpaid_until, entitlement.suspended_at is not None


def is_usable(order, at):
    entitlement = Entitlement.objects.filter(order_line__order=order).first()
    return entitlement is not None and entitlement.suspended_at is None and entitlement.open_until >= date_in_paris(at)


def email_kinds(order):
    """Return the kinds of e-mails queued about the order, in order."""
    with schema_context("public"):
        return [kind.removeprefix("order.") for kind in list_messages(order).values_list("kind", flat=True)]


def list_messages(order):
    return Message.objects.filter(topic="order", topic_id=order.pk).order_by("pk")


def list_violations():
    """Return the codes of the violated sales invariants."""
    query = " UNION ALL ".join(f"SELECT '{rule.code}' WHERE EXISTS ({rule.sql})" for rule in SALES_INVARIANTS)
    with schema_context("public"), connection.cursor() as cursor:
        cursor.execute(query)
        return {code for (code,) in cursor.fetchall()}
