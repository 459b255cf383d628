"""Stripe's stand-in, and settings that lead to it."""

from __future__ import annotations

import pytest
from payments import core
from stripe import HTTPClient

from tests.orders.card import stand_in
from tests.orders.card.ordering import at_stripe, begun

PROVIDER = "licensing.orders.card.stripe_checkout.StripeCheckout"


@pytest.fixture
def stripe(settings, monkeypatch):
    """Payments go to a server that answers as Stripe does."""
    with stand_in.Server() as server:
        settings.STRIPE_SECRET_KEY = stand_in.SECRET_KEY
        settings.STRIPE_WEBHOOK_SECRET = stand_in.WEBHOOK_SECRET
        settings.STRIPE_API_BASE = settings.STRIPE_CHECKOUT_ORIGIN = server.url
        settings.CARD_VARIANT = "stripe"
        settings.PAYMENT_VARIANTS = {"stripe": (PROVIDER, {})}
        # django-payments keeps the providers it has made.
        monkeypatch.setattr(core, "PROVIDER_CACHE", {})
        # Half a second before asking a second time tells the tests nothing.
        monkeypatch.setattr(HTTPClient, "INITIAL_DELAY", 0)
        monkeypatch.setattr(HTTPClient, "MAX_DELAY", 0)
        yield server


@pytest.fixture
def opened(stripe, portal):
    """An attempt whose buyer is at Stripe's page, and its session there."""
    payment = begun()
    return payment, at_stripe(payment, portal)


@pytest.fixture
def tell(portal):
    """Tells our webhook of an event, as Stripe does; returns its answer."""

    def deliver(event, **signing):
        body, signature = stand_in.signed(event, **signing)
        return portal.post(
            "/webhooks/stripe/", body, content_type="application/json", headers={"Stripe-Signature": signature}
        )

    return deliver
