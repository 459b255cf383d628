"""Lookup of card providers, as configured in `PAYMENT_VARIANTS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.conf import settings
from payments.core import provider_factory

from licensing.orders.card.exceptions import CardsClosed

if TYPE_CHECKING:
    from licensing.orders.card.outcomes import Provider
    from licensing.orders.models import CardPayment


def available() -> bool:
    """Return whether card payments are configured; the shop offers them only then."""
    return bool(settings.CARD_VARIANT)


def provider_of(payment: CardPayment) -> Provider:
    """Return the provider of a payment. Raises `CardsClosed` if it is no longer configured."""
    return named(payment.variant)


def named(variant: str) -> Provider:
    """Return the provider with this name. Raises `CardsClosed` if it is not configured."""
    try:
        return cast("Provider", provider_factory(variant))
    except ValueError as unknown:
        raise CardsClosed(
            "Le paiement par carte n'est pas ouvert sur ce site. Vous pouvez régler par chèque ou mandat administratif."
        ) from unknown
