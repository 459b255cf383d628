"""Card providers: their interface, its data types and exceptions, those configured, and one for demonstrations."""

import datetime
import enum
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Protocol, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from payments.core import provider_factory
from payments.dummy import DummyProvider

from core.exceptions import DomainError
from installation.hold import refuse_while_held
from licensing.payments.models import CardPayment


class CardsClosed(DomainError):
    """Card payments are not configured, or not for the provider of this payment."""

    code = "card_payment_unavailable"


class ProviderSilent(DomainError):
    """The provider did not answer. Nothing was changed; retry later."""

    code = "provider_unavailable"


class ProviderRefuses(DomainError):
    """The provider rejected the request. Retrying is useless; the operator must look at it."""

    code = "provider_rejected"


class UnsignedEvent(Exception):
    """The webhook request has no valid or recent signature of the provider."""


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


# Demo card provider, which needs no account at a real one. It asks for no card.
#
# The buyer chooses the bank's answer, which is stored in the attempt's reference.

ACCEPTED, DECLINED = "accepte", "refuse"
#: Key in a payment's provider data: what was refunded, in cents, by number.
_GIVEN_BACK = "given_back"


class BankAnswerForm(forms.Form):
    """The simulated answer of the bank."""

    answer = forms.ChoiceField(
        label="Réponse de la banque",
        choices=[(ACCEPTED, "Elle accepte le paiement"), (DECLINED, "Elle le refuse")],
        initial=ACCEPTED,
        widget=forms.RadioSelect,
    )


class DemoProvider(DummyProvider):
    """Provider based on django-payments' dummy, without its form and its unlocked status changes."""

    form_class = BankAnswerForm
    real: ClassVar[bool] = False

    def __init__(self) -> None:
        # Anyone could get licences without paying.
        if settings.PRODUCTION:
            raise ImproperlyConfigured("The demonstration of card payments must not run where PRODUCTION is True.")
        super().__init__()

    def open(self, payment: CardPayment, form: forms.Form) -> ProviderSession:
        """Store the chosen answer in the reference."""
        return ProviderSession(
            reference=f"{form.cleaned_data['answer']}-{payment.token}", address=payment.get_success_url()
        )

    def fetch_outcome(self, payment: CardPayment) -> ProviderOutcome:
        """Return the outcome of the chosen answer."""
        answer, _, token = payment.transaction_id.partition("-")
        stages = {ACCEPTED: SessionState.PAID, DECLINED: SessionState.OVER}
        return ProviderOutcome(
            reference=payment.transaction_id,
            token=token,
            stage=stages.get(answer, SessionState.OPEN),
            amount=to_cents(payment.total),
            currency=EURO,
            refunds=tuple(
                ProviderRefund(reference=f"demo-{number}", amount=amount, number=number)
                for number, amount in payment.provider_data.get(_GIVEN_BACK, {}).items()
            ),
        )

    @transaction.atomic
    def request_refund(self, payment: CardPayment, *, number: str, amount: int | None) -> None:
        """Record the refund on the payment itself: there is no real provider."""
        locked = type(payment).objects.locked().get(pk=payment.pk)
        outcome = self.fetch_outcome(locked)
        left = outcome.amount - outcome.refunded
        given_back = locked.provider_data.get(_GIVEN_BACK, {})
        if left <= 0 or number in given_back:
            return
        given_back[number] = left if amount is None else min(amount, left)
        locked.extra_data = json.dumps(locked.provider_data | {_GIVEN_BACK: given_back})
        locked.save(update_fields=["extra_data"])

    def close(self, payment: CardPayment) -> None:
        """Do nothing: there is no session."""

    def list_balance_movements(self, since: datetime.datetime, until: datetime.datetime) -> list[BalanceMovement]:
        """Return nothing: no money moves."""
        return []
