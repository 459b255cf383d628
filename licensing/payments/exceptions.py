"""Exceptions of card payments."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class CardsClosed(LicensingError):
    """Card payments are not configured, or not for the provider of this payment."""

    code = "card_payment_unavailable"


class NotToPay(LicensingError):
    """The order cannot be paid by card in its current state."""

    code = "nothing_to_pay"


class ProviderSilent(LicensingError):
    """The provider did not answer. Nothing was changed; retry later."""

    code = "provider_unavailable"


class ProviderRefuses(LicensingError):
    """The provider rejected the request. Retrying is useless; the operator must look at it."""

    code = "provider_rejected"


class UnsignedEvent(Exception):
    """The webhook request has no valid or recent signature of the provider."""
