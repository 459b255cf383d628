"""Demo card provider, which needs no account at a real one. It asks for no card.

The buyer chooses the bank's answer, which is stored in the attempt's reference.
"""

from __future__ import annotations

import datetime
import json
from typing import ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from payments.dummy import DummyProvider

from licensing.payments.card.provider_interface import (
    EURO,
    BalanceMovement,
    ProviderOutcome,
    ProviderRefund,
    ProviderSession,
    SessionState,
    to_cents,
)
from licensing.payments.models import CardPayment

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
