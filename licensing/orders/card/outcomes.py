"""What a provider is asked, and what it can say. Pure: no provider, no database."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from django import forms

    from licensing.orders.models import CardPayment

#: The one currency that anything is sold in, as ISO 4217 writes it.
EURO = "EUR"
#: Under this name a payment keeps how many times its refund was asked for again, by the operator.
ASKED_AGAIN = "asked_again"


class Stage(enum.StrEnum):
    """How far the buyer has come, at the provider's."""

    OPEN = "open"
    PAID = "paid"
    # It ended without money: abandoned until it expired, or given up by us.
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the provider says of a payment at this moment: all of it, so that order and repetition do not matter."""

    # The provider's name of the attempt, and the token of ours that it was opened with.
    reference: str
    token: str
    stage: Stage
    # In cents.
    amount: int
    currency: str
    # What a refund must name.
    charge: str = ""
    # Given back so far, in cents, by whoever's hand.
    refunded: int = 0
    # The last refund, and why it failed if it did.
    refund: str = ""
    refund_failure: str = ""
    # The card's owner has asked his bank for the money.
    disputed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An attempt at the provider's, and where the buyer goes to go on with it."""

    reference: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that the provider told us of by itself."""

    number: str
    kind: str
    # What it is about, as our own token; empty: nothing of ours.
    token: str
    # The attempt, where the event is about it itself.
    reference: str = ""


class Provider(Protocol):
    """Who asks for the card. Its methods talk to the provider and change nothing here.

    They raise `ProviderSilent` or `ProviderRefuses`.
    """

    #: What our own page asks before the buyer goes on.
    answers: type[forms.Form]
    #: Whether money is really asked for.
    real: bool

    def open(self, payment: CardPayment, answers: forms.Form) -> Opened:
        """Open the attempt. Asked twice for one payment, it is one attempt."""

    def look(self, payment: CardPayment) -> Outcome:
        """Return what has become of the attempt."""

    def give_back(self, payment: CardPayment) -> None:
        """Give all the money back. Asked twice, it is given once."""

    def close(self, payment: CardPayment) -> None:
        """Let nobody pay in this attempt any more; nothing where it is over already."""


def cents(amount: Decimal) -> int:
    """Return euros in cents. Raises `ValueError` for what is no whole number of cents: nothing is cut off silently."""
    whole = amount.scaleb(2)
    if whole != whole.to_integral_value():
        raise ValueError(f"{amount} is no whole number of cents.")
    return int(whole)


def in_euros(amount: int) -> Decimal:
    """Return cents in euros."""
    return Decimal(amount).scaleb(-2)
