"""What a payment by card can be refused for."""

from __future__ import annotations

from licensing.exceptions import Refused


class CardsClosed(Refused):
    """This server takes no cards, or no longer those of the provider that the payment was begun with."""

    code = "cards_closed"


class NotToPay(Refused):
    """The order is not one that its buyer can pay by card now."""

    code = "not_to_pay"


class ProviderSilent(Refused):
    """The provider did not answer: nothing is known, and nothing was changed."""

    code = "provider_silent"


class ProviderRefuses(Refused):
    """The provider answered no, and would again: somebody has to look at it."""

    code = "provider_refuses"


class UnsignedEvent(Exception):
    """What came to the webhook was not signed by the provider, or too long ago."""
