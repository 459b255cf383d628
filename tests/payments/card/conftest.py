"""A fake Stripe server, and the settings that point to it."""

import pytest
from payments import core
from stripe import HTTPClient

from tests.factories.payments import StartedPaymentFactory
from tests.payments.card import fake_stripe
from tests.payments.card.actions import open_checkout
from tests.payments.card.fake_stripe_server import FakeStripeServer

PROVIDER = "licensing.payments.stripe_checkout.StripeCheckout"


@pytest.fixture
def stripe(settings, monkeypatch):
    """Send payments to a server that answers as Stripe does."""
    with FakeStripeServer() as server:
        settings.STRIPE_SECRET_KEY = fake_stripe.SECRET_KEY
        settings.STRIPE_WEBHOOK_SECRET = fake_stripe.WEBHOOK_SECRET
        settings.STRIPE_API_BASE = settings.STRIPE_CHECKOUT_ORIGIN = server.url
        settings.CARD_VARIANT = "stripe"
        settings.PAYMENT_VARIANTS = {"stripe": (PROVIDER, {})}
        # django-payments keeps the providers it has made.
        monkeypatch.setattr(core, "PROVIDER_CACHE", {})
        # Retry without Stripe's delay of half a second.
        monkeypatch.setattr(HTTPClient, "INITIAL_DELAY", 0)
        monkeypatch.setattr(HTTPClient, "MAX_DELAY", 0)
        yield server


@pytest.fixture
def opened(stripe, portal):
    """A payment whose buyer is on Stripe's page, and its checkout session."""
    payment = StartedPaymentFactory()
    return payment, open_checkout(payment, portal)


@pytest.fixture
def tell(portal):
    """Post an event to our webhook, signed as Stripe does; return the response."""

    def deliver(event, **signing):
        body, signature = fake_stripe.sign_event(event, **signing)
        return portal.post(
            "/webhooks/stripe/", body, content_type="application/json", headers={"Stripe-Signature": signature}
        )

    return deliver
