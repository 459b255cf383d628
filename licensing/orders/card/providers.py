"""Which provider a payment goes to, as the settings have it (`PAYMENT_VARIANTS`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.conf import settings
from payments.core import provider_factory

from licensing.orders.card.exceptions import CardsClosed

if TYPE_CHECKING:
    from licensing.orders.card.outcomes import Provider
    from licensing.orders.models import CardPayment


def available() -> bool:
    """Return whether this server takes cards: where not, the shop does not propose it."""
    return bool(settings.CARD_VARIANT)


def provider_of(payment: CardPayment) -> Provider:
    """Return the provider that the payment was begun with. Raises `CardsClosed` where it is configured no longer."""
    return named(payment.variant)


def named(variant: str) -> Provider:
    """Return the provider of this name. Raises `CardsClosed` where there is none."""
    try:
        return cast("Provider", provider_factory(variant))
    except ValueError as unknown:
        raise CardsClosed(
            "Le paiement par carte n'est pas ouvert sur ce site. Vous pouvez régler par chèque ou mandat administratif."
        ) from unknown
