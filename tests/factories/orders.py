"""Factories of orders: in each of their states, reached by the operations alone; or rows, to be invoiced."""

import datetime
from collections.abc import Callable
from typing import Any

import factory
from django.utils import timezone

from collectivities.capabilities import Role
from core import money
from core.calendar import date_in_paris
from core.connections import connection
from licensing.catalogue import pricing
from licensing.orders import operations, purchase_orders
from licensing.orders.billing_details import apply_vat_of_payer
from licensing.orders.models import Order, OrderKind, OrderState, Payer
from licensing.orders.settlement import SettlementMethod
from tests.conftest import TERM
from tests.factories.billing_details import PAYER_SIRET, BillingDetailsFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import OrderLineFactory
from tests.factories.shop import get_seller, open_shop, put_on_sale
from tests.orders import actions
from tests.orders.dates import DAY


def _remind(_order, *, at):
    purchase_orders.remind_and_lapse(at + 30 * DAY)


def _lapse(_order, *, at):
    purchase_orders.remind_and_lapse(at + 46 * DAY)


def _upload_late(order, *, at):
    actions.upload(order, at=at + 47 * DAY)


class SaleFactory(factory.django.DjangoModelFactory):
    """An order in the state of a trait, reached by the operations from `at` on; without trait a draft.

    Its seller and the prices of its school year are created with it.
    """

    class Meta:
        abstract = True
        model = Order

    class Params:
        #: Sold at the current time, or `at`, in a school year that lasts for months.
        current = factory.Trait(at=factory.LazyFunction(timezone.now), year_ends_on=None)
        quoted = factory.Trait(then=(actions.quote,))
        by_card = factory.Trait(accept=actions.choose_card)
        paid_by_card = factory.Trait(by_card=True, then=(actions.settle_by_card,))
        placed = factory.Trait(accept=actions.place)
        scanned = factory.Trait(placed=True, then=(actions.upload,))
        scan_refused = factory.Trait(placed=True, then=(actions.upload, actions.refuse_scan))
        reminded = factory.Trait(placed=True, then=(_remind,))
        prolonged = factory.Trait(placed=True, then=(actions.prolong,))
        lapsed = factory.Trait(placed=True, then=(_lapse,))
        lapsed_scanned = factory.Trait(placed=True, then=(_lapse, _upload_late))
        confirmed = factory.Trait(placed=True, then=(actions.confirm,))
        paid = factory.Trait(placed=True, then=(actions.confirm, actions.pay))
        cancelled = factory.Trait(placed=True, then=(actions.confirm, actions.pay, actions.cancel))

    at = TERM
    year_ends_on = datetime.date(2027, 8, 31)
    billing = factory.SubFactory(BillingDetailsFactory)
    #: What the buyer does with the draft: nothing, or an action with the billing details.
    accept: Callable | None = None
    #: The actions that follow.
    then: tuple[Callable, ...] = ()

    @classmethod
    def _create(cls, _model, *, at, year_ends_on, billing, accept, then, **draft):
        open_shop(at, ends_on=year_ends_on)
        order = cls._create_draft(at=at, **draft)
        if accept is not None:
            order = accept(order, at=at, billing=billing)
        for act in then:
            act(order, at=at)
        if then:
            order.refresh_from_db()
        return order


class OrderFactory(SaleFactory):
    """A principal's order of the shop for their school: `OrderFactory(confirmed=True, billing__siret="")`."""

    class Params:
        #: More classes than open at once, for a school typed by hand: the operator looks first.
        in_review = factory.Trait(
            placed=True,
            classes=10,
            affiliation=factory.SubFactory(
                "tests.factories.schools.AffiliationFactory",
                user=factory.SubFactory("tests.factories.accounts.PrincipalFactory"),
                school=None,
                name="École du Mas",
                city="Nîmes",
            ),
        )

    classes = 5
    affiliation = factory.SubFactory(
        "tests.factories.schools.AffiliationFactory",
        user=factory.SubFactory("tests.factories.accounts.PrincipalFactory"),
    )

    @classmethod
    def _create_draft(cls, *, classes, affiliation, at):
        return operations.create_school_draft(classes=classes, affiliation=affiliation, by=affiliation.user, at=at)


class PurchaseFactory(SaleFactory):
    """A collectivity's purchase, to use in its schema; `by`: its buyer."""

    units = 2000
    collectivity = factory.LazyFunction(lambda: connection.tenant)
    by = factory.LazyFunction(lambda: MemberFactory(roles=[Role.BUYER]).user)
    billing = factory.SubFactory(BillingDetailsFactory, collectivity=True)

    @classmethod
    def _create_draft(cls, *, units, collectivity, by, at):
        return operations.create_collectivity_draft(collectivity=collectivity, units=units, by=by, at=at)


def _price_classes(classes, at):
    put_on_sale()
    return [pricing.price_classes(classes, date_in_paris(at))]


def _price_volume(units, at):
    put_on_sale()
    return [pricing.price_volume(units, date_in_paris(at))]


class StoredOrderFactory(factory.django.DjangoModelFactory):
    """A placed order of the shop, written straight to the tables with its priced `lines`; a town hall pays."""

    class Meta:
        model = Order

    class Params:
        at = TERM
        units = 2000
        amounts = factory.LazyAttribute(lambda order: money.sum_amounts(line.amounts for line in order.lines))
        #: The guide's order: 5 classes for 199,00 €, for a school of Nîmes.
        five_classes = factory.Trait(
            lines=factory.LazyAttribute(lambda order: _price_classes(5, order.at)),
            school=factory.SubFactory("tests.factories.schools.SchoolFactory"),
        )
        #: A teacher's purchase of one class, by card.
        card_purchase = factory.Trait(
            lines=factory.LazyAttribute(lambda order: _price_classes(1, order.at)),
            method=SettlementMethod.CARD,
            payer=Payer.OTHER,
            bill_name="Camille Durand",
            bill_address="3 rue des Lilas",
            bill_email="camille+classe@exemple.example",
            siret="",
            service_code="",
            engagement_number="",
        )
        #: A purchase of `units` licences by `collectivity`.
        collectivity_purchase = factory.Trait(
            lines=factory.LazyAttribute(lambda order: _price_volume(order.units, order.at)),
            kind=OrderKind.PURCHASE,
            payer=Payer.COLLECTIVITY,
            bill_name=factory.SelfAttribute("collectivity.name"),
            bill_address="3 rue Guillemette",
            bill_postal_code="30044",
            siret="22300001900011",
            quote_number="DV-2026-12",
        )

    kind = OrderKind.SHOP
    state = OrderState.PLACED
    method = SettlementMethod.MANDATE
    created_at = factory.SelfAttribute("at")
    placed_at = factory.SelfAttribute("at")
    terms_accepted_at = factory.SelfAttribute("at")
    placed_by = factory.SubFactory("tests.factories.accounts.UserFactory")
    payer = Payer.TOWN_HALL
    bill_name = "Mairie de Nîmes"
    bill_address = "Place de l'Hôtel de Ville"
    bill_postal_code = "30000"
    bill_city = "Nîmes"
    bill_country = "France"
    bill_email = "compta@nimes.example"
    siret = PAYER_SIRET
    service_code = "SCOLAIRE"
    engagement_number = "EJ-2026-0042"
    lines: Any = ()
    total_ht = factory.SelfAttribute("amounts.ht")
    total_vat = factory.SelfAttribute("amounts.vat")
    total_ttc = factory.SelfAttribute("amounts.ttc")

    @classmethod
    def _create(cls, model_class, *, lines, **fields):
        get_seller()
        order = super()._create(model_class, **fields)
        for line in lines:
            OrderLineFactory(
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
        apply_vat_of_payer(order)
        order.save()
        return order
