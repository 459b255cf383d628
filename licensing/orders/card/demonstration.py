"""The demonstration: a purchase can be walked through without an account at a provider. No card is asked for.

What the buyer answered is the reference of the attempt, so that it is looked up like a real provider's.
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
    """What the bank is to answer."""

    answer = forms.ChoiceField(
        label="Réponse de la banque",
        choices=[(ACCEPTED, "Elle accepte le paiement"), (DECLINED, "Elle le refuse")],
        initial=ACCEPTED,
        widget=forms.RadioSelect,
    )


class Demonstration(DummyProvider):
    """django-payments' dummy, which shows developers' words and changes a status outside any lock: neither is used."""

    answers = AnswerForm
    real: ClassVar[bool] = False

    def __init__(self) -> None:
        # Whoever chooses the bank's answer gets licences for nothing.
        if settings.PRODUCTION:
            raise ImproperlyConfigured("The demonstration of card payments must not run where PRODUCTION is True.")
        super().__init__()

    def open(self, payment: CardPayment, answers: forms.Form) -> Opened:
        """Take the answer for the bank's."""
        return Opened(reference=f"{answers.cleaned_data['answer']}-{payment.token}", address=payment.get_success_url())

    def look(self, payment: CardPayment) -> Outcome:
        """Return what the answer that was chosen comes to."""
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
        """Note that the money is given back: there is nobody else to note it."""
        type(payment).objects.filter(pk=payment.pk).update(
            extra_data=json.dumps(payment.kept | {"given_back": cents(payment.total)})
        )

    def close(self, payment: CardPayment) -> None:
        """Do nothing: nobody waits anywhere."""
