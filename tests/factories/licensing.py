"""Factories of orders, entitlements, keys and pools. Pools need the schema of a collectivity."""

import datetime

import factory
from django.db import transaction
from django.utils import timezone

from core.calendar import date_in_paris
from core.connections import connection
from licensing.catalogue.models import Product, SchoolYear
from licensing.entitlements import code_sealing, keys
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.orders.models import Order, OrderKind, OrderLine, OrderState
from licensing.pools.models import Pool
from tenants.models import Collectivity


class ProductFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Product
        django_get_or_create = ("code",)

    code = "licence-tous-niveaux"
    name = "Licence Pep's TOUS NIVEAUX"


class SchoolYearFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = SchoolYear
        django_get_or_create = ("ends_on",)

    starts_on = datetime.date(2026, 9, 1)
    ends_on = datetime.date(2027, 8, 31)


class OrderRowFactory(factory.django.DjangoModelFactory):
    """The row of an order, a grant unless told otherwise, without lines."""

    class Meta:
        model = Order

    kind = OrderKind.GRANT
    state = OrderState.GRANTED
    created_at = factory.LazyFunction(timezone.now)
    reason = "Expérimentation"
    placed_at = factory.LazyFunction(timezone.now)
    collectivity = factory.LazyFunction(lambda: Collectivity.objects.get(schema_name=connection.schema_name))


class OrderLineFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OrderLine

    order = factory.SubFactory(OrderRowFactory)
    product = factory.SubFactory(ProductFactory)
    school_year = factory.SubFactory(SchoolYearFactory)
    quantity = 10


class EntitlementFactory(factory.django.DjangoModelFactory):
    """An entitlement and the order line that points to it: `order_line__quantity`, `order_line__order__kind`…"""

    class Meta:
        model = Entitlement

    order_line = factory.SubFactory(OrderLineFactory)
    kind = factory.SelfAttribute("order_line.order.kind")
    number = factory.SelfAttribute("order_line.order.pk")
    bought_on = factory.LazyAttribute(lambda entitlement: date_in_paris(entitlement.order_line.order.placed_at))
    reason = factory.SelfAttribute("order_line.order.reason")
    collectivity = factory.SelfAttribute("order_line.order.collectivity")
    product = factory.SelfAttribute("order_line.product")
    # Before any last day that a test sets.
    first_day = datetime.date(2020, 1, 1)
    last_day = factory.SelfAttribute("order_line.school_year.ends_on")

    @classmethod
    def _create(cls, model_class, *args, order_line, **fields):
        # The database requires the line by the commit.
        with transaction.atomic():
            order_line.entitlement = super()._create(model_class, *args, **fields)
            order_line.save(update_fields=["entitlement"])
        return order_line.entitlement


class PoolFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Pool

    name = factory.Sequence(lambda n: f"Lot {n}")
    capacity = 10
    entitlement = factory.SubFactory(EntitlementFactory, order_line__quantity=factory.SelfAttribute("...capacity"))
    opened_at = factory.LazyFunction(timezone.now)


class KeyFactory(factory.django.DjangoModelFactory):
    """An issued key. `code`: its twelve symbols, random by default."""

    class Meta:
        model = ActivationKey
        exclude = ("code",)

    code = factory.LazyFunction(keys.generate)
    entitlement = factory.SubFactory(EntitlementFactory)
    school = factory.SubFactory("tests.factories.schools.SchoolFactory")
    prefix = "NIMES"
    units = 3
    issued_at = factory.LazyFunction(timezone.now)
    sealed_code = factory.LazyAttribute(lambda key: code_sealing.seal(key.code).code)
    sealed_under = factory.LazyFunction(code_sealing.current_key_number)
