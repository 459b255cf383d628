"""Lookup of card providers, as configured in `PAYMENT_VARIANTS`."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from payments.core import provider_factory

from installation.hold import refuse_while_held
from licensing.payments.card.provider_interface import CardProvider
from licensing.payments.exceptions import CardsClosed
from licensing.payments.models import CardPayment


def is_available() -> bool:
    """Return whether card payments are configured; the shop offers them only then."""
    return bool(settings.CARD_VARIANT)


def get_provider(payment: CardPayment) -> CardProvider:
    """Return the provider of a payment. Raises `CardsClosed` if it is no longer configured."""
    return get_provider_by_name(payment.variant)


def get_provider_by_name(variant: str) -> CardProvider:
    """Return the provider with this name. Raises `CardsClosed` if it is not configured, or `InstallationHeld`."""
    refuse_while_held()
    try:
        return cast("CardProvider", provider_factory(variant))
    except ValueError as unknown:
        raise CardsClosed(
            "Le paiement par carte n'est pas ouvert sur ce site. Vous pouvez régler par chèque ou mandat administratif."
        ) from unknown
