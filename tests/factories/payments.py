"""Factories of card payments."""

import factory

from licensing.payments import card
from licensing.payments.models import CardPayment
from tests.conftest import TERM


class CardPaymentFactory(factory.django.DjangoModelFactory):
    """A card payment that the provider confirmed and that is not settled yet."""

    class Meta:
        model = CardPayment

    order = factory.SubFactory("tests.factories.orders.OrderFactory", by_card=True)
    variant = "default"
    status = "confirmed"
    currency = "EUR"
    total = factory.SelfAttribute("order.total_ttc")
    captured_amount = factory.SelfAttribute("total")
    transaction_id = factory.Sequence(lambda n: f"pi_{n}")


class StartedPaymentFactory(factory.django.DjangoModelFactory):
    """A card payment that the order's buyer started, by the operation: a cooperative pays."""

    class Meta:
        model = CardPayment

    order = factory.SubFactory("tests.factories.orders.OrderFactory", by_card=True, billing__cooperative=True)
    at = TERM

    @classmethod
    def _create(cls, _model, *, order, at):
        return card.start_attempt(order_id=order.pk, by=order.placed_by, at=at)
