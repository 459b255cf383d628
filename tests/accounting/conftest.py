"""The fake Stripe of the tests of card payments."""

from tests.payments.card.conftest import opened, stripe, tell

__all__ = ["opened", "stripe", "tell"]
