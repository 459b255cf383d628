"""Providers of card payments: Stripe if configured, else a demonstration's without cards, and none in production."""

from __future__ import annotations

#: django-payments' form: the provider's class and its arguments. Without arguments, which would show in tracebacks:
#: the classes read the settings.
_PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "stripe": ("licensing.payments.card.stripe_checkout.StripeCheckout", {}),
    "demonstration": ("licensing.payments.card.demo_provider.DemoProvider", {}),
}


def choose_variant(*, has_stripe: bool, is_production: bool) -> str:
    """Return the provider of new payments; empty where no cards are accepted."""
    if has_stripe:
        return "stripe"
    return "" if is_production else "demonstration"


def list_variants(chosen: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the providers that payments can be asked of: the chosen one, if any."""
    return {chosen: _PROVIDERS[chosen]} if chosen else {}
