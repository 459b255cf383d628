"""Demo card provider, which needs no account at a real one. It asks for no card.

The buyer chooses the bank's answer, which is stored in the attempt's reference.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from payments.dummy import DummyProvider

from licensing.orders.card.outcomes import EURO, Opened, Outcome, Stage, cents

if TYPE_CHECKING:
    from licensing.orders.models import CardPayment

ACCEPTED, DECLINED = "accepte", "refuse"


class AnswerForm(forms.Form):
    """The simulated answer of the bank."""

    answer = forms.ChoiceField(
        label="Réponse de la banque",
        choices=[(ACCEPTED, "Elle accepte le paiement"), (DECLINED, "Elle le refuse")],
        initial=ACCEPTED,
        widget=forms.RadioSelect,
    )


class Demonstration(DummyProvider):
    """Provider based on django-payments' dummy, without its form and its unlocked status changes."""

    answers = AnswerForm
    real: ClassVar[bool] = False

    def __init__(self) -> None:
        # Anyone could get licences without paying.
        if settings.PRODUCTION:
            raise ImproperlyConfigured("The demonstration of card payments must not run where PRODUCTION is True.")
        super().__init__()

    def open(self, payment: CardPayment, form: forms.Form) -> Opened:
        """Store the chosen answer in the reference."""
        return Opened(reference=f"{form.cleaned_data['answer']}-{payment.token}", address=payment.get_success_url())

    def look(self, payment: CardPayment) -> Outcome:
        """Return the outcome of the chosen answer."""
        answer, _, token = payment.transaction_id.partition("-")
        stages = {ACCEPTED: Stage.PAID, DECLINED: Stage.OVER}
        return Outcome(
            reference=payment.transaction_id,
            token=token,
            stage=stages.get(answer, Stage.OPEN),
            amount=cents(payment.total),
            currency=EURO,
            refunded=payment.kept.get("given_back", 0),
        )

    def give_back(self, payment: CardPayment) -> None:
        """Record the refund on the payment itself: there is no real provider."""
        type(payment).objects.filter(pk=payment.pk).update(
            extra_data=json.dumps(payment.kept | {"given_back": cents(payment.total)})
        )

    def close(self, payment: CardPayment) -> None:
        """Do nothing: there is no session."""
