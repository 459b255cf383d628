"""Card providers: their interface, its data types and exceptions, those configured, and one for demonstrations."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from django import forms

from licensing.payments.models import CardPayment

#: The only currency of sale, as its ISO 4217 code.
EURO = "EUR"
#: Key in a payment's provider data: how many times the operator retried its refund.
REFUND_RETRIES = "asked_again"


class SessionState(enum.StrEnum):
    """State of a session at the provider."""

    OPEN = "open"
    PAID = "paid"
    # Ended without payment: expired, or closed by us.
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRefund:
    """One refund of a payment at the provider."""

    # The provider's identifier.
    reference: str
    # In cents.
    amount: int
    # The number that we asked for it under; empty if it was made in the provider's dashboard.
    number: str = ""
    # Why it failed; empty if it did not.
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOutcome:
    """Full state of a payment at the provider, so that the order and repetition of events do not matter."""

    # The provider's identifier of the session, and our token that it was opened with.
    reference: str
    token: str
    stage: SessionState
    # In cents.
    amount: int
    currency: str
    # Identifier of the charge, needed to refund it.
    charge: str = ""
    # By us or at the provider, those that failed as well.
    refunds: tuple[ProviderRefund, ...] = ()
    # The cardholder disputed the payment with their bank.
    disputed: bool = False

    @property
    def refunded(self) -> int:
        """Refunded so far, in cents."""
        return sum(refund.amount for refund in self.refunds if not refund.failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSession:
    """A session opened at the provider, and the URL to redirect the buyer to."""

    reference: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceMovement:
    """A movement of the balance that the provider keeps for the seller."""

    # The provider's identifier of the movement, and its word for what it is.
    reference: str
    kind: str
    # In cents; negative where the money leaves the balance. The net amount is what is left once the fee is paid.
    amount: int
    fee: int
    net: int
    # Seconds since 1970, as the provider says: not checked yet.
    created: int
    # The provider's identifier of the charge that it concerns, and our token of that payment; empty if there is none.
    charge: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNotification:
    """A webhook event of the provider."""

    number: str
    kind: str
    # Our token of the payment concerned; empty if it is not ours.
    token: str
    # The provider's identifier of the session, if the event concerns one.
    reference: str = ""


class CardProvider(Protocol):
    """A card provider. Its methods call the provider and change nothing in the database.

    They raise `ProviderSilent` or `ProviderRefuses`.
    """

    #: Form shown on our payment page before the redirect.
    form_class: type[forms.Form]
    #: Whether real money is charged.
    real: bool

    def open(self, payment: CardPayment, form: forms.Form) -> ProviderSession:
        """Open a session for the payment. Idempotent."""

    def fetch_outcome(self, payment: CardPayment) -> ProviderOutcome:
        """Fetch the state of the payment."""

    def request_refund(self, payment: CardPayment, *, number: str, amount: int | None) -> None:
        """Refund an amount of the payment, in cents, or what is left of it if that is less; None for all of that.

        Idempotent by `number`, which is the refund's own.
        """

    def close(self, payment: CardPayment) -> None:
        """Close the session so that it can no longer be paid. Idempotent."""

    def list_balance_movements(self, since: datetime.datetime, until: datetime.datetime) -> list[BalanceMovement]:
        """Return the movements in euros of the seller's balance from `since` on and before `until`, the first first."""


def to_cents(amount: Decimal) -> int:
    """Convert euros to cents. Raises `ValueError` rather than round a fraction of a cent."""
    in_cents = amount.scaleb(2)
    if in_cents != in_cents.to_integral_value():
        raise ValueError(f"{amount} is no whole number of cents.")
    return int(in_cents)


def to_euros(amount: int) -> Decimal:
    """Convert cents to euros."""
    return Decimal(amount).scaleb(-2)
