"""Stripe Checkout: Stripe's own page asks for the card, and we ask Stripe what came of it.

What django-payments' provider does otherwise, and why not here: it tells the buyer « Order #token », keeps the whole
session with the buyer's particulars, writes the status outside any lock, cuts cents off, and sets the key for the
whole process. Every call bears a key of ours, so that asked twice is once.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import stripe
from django import forms
from django.conf import settings
from payments.stripe import StripeProviderV3

from licensing.orders.card.exceptions import ProviderRefuses, ProviderSilent, UnsignedEvent
from licensing.orders.card.outcomes import ASKED_AGAIN, Event, Opened, Outcome, Stage, cents

if TYPE_CHECKING:
    from decimal import Decimal

    from stripe.params.checkout import SessionCreateParams

    from licensing.orders.models import CardPayment

logger = logging.getLogger(__name__)
#: Seconds that one question to Stripe may take; a person waits for the answer.
PATIENCE = 10
#: What the webhook is subscribed to at Stripe's; whatever else comes is acknowledged and left alone.
KINDS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.expired",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "charge.refunded",
        "charge.refund.updated",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.closed",
    }
)
_TOKEN = "payment"  # noqa: S105 - the name under which Stripe keeps our token
_WHOLE = ["payment_intent.latest_charge.refunds"]
_CAME_TO_NOTHING = ("failed", "canceled")
#: What a PaymentIntent is again, or for good, once its payment has failed.
_UNPAID = ("requires_payment_method", "canceled")
_SILENT = "Le service de paiement ne répond pas pour l'instant. Réessayez dans quelques minutes."
#: Why a refund fails, in Stripe's words and in ours; the others are shown as Stripe says them.
_FAILURES = {
    "lost_or_stolen_card": "carte perdue ou volée",
    "expired_or_canceled_card": "carte expirée ou annulée",
    "charge_for_pending_refund_disputed": "paiement contesté entre-temps",
    "insufficient_funds": "solde insuffisant chez le prestataire",
    "declined": "refusé par la banque",
}


class StripeCheckout(StripeProviderV3):
    """One attempt is one Checkout session."""

    answers = forms.Form
    real: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__(api_key="", endpoint_secret=settings.STRIPE_WEBHOOK_SECRET)
        self.client = stripe.StripeClient(
            settings.STRIPE_SECRET_KEY,
            base_addresses={"api": settings.STRIPE_API_BASE},
            http_client=stripe.RequestsClient(timeout=PATIENCE),
            max_network_retries=1,
        )

    def open(self, payment: CardPayment, answers: forms.Form) -> Opened:
        """Open the session, or find the one that is open."""
        if payment.transaction_id:
            session = self._ask(self.client.v1.checkout.sessions.retrieve, payment.transaction_id)
        else:
            session = self.create_session(payment)
        # A session that is over has no address: there the buyer hears what came of it.
        address = session.url or payment.get_success_url()
        if session.url and not session.url.startswith(f"{settings.STRIPE_CHECKOUT_ORIGIN}/"):
            # The browser would stop there without a word: the policy of our page names that origin alone.
            raise ProviderRefuses(f"La page de paiement de Stripe n'est pas à {settings.STRIPE_CHECKOUT_ORIGIN}.")
        return Opened(reference=session.id, address=address)

    def create_session(self, payment: CardPayment) -> stripe.checkout.Session:
        """Ask Stripe for a page that asks for the card, in French, with the lines of the order."""
        marks = {_TOKEN: payment.token, "order": str(payment.order_id)}
        wanted: SessionCreateParams = {
            "mode": "payment",
            "allowed_payment_method_types": ["card"],
            # What is sold is sold in euros, wherever the card is from.
            "adaptive_pricing": {"enabled": False},
            "locale": "fr",
            "line_items": self.get_line_items(payment),
            "client_reference_id": payment.token,
            "metadata": marks,
            # Copied by Stripe to the charge: refunds made in its dashboard are recognised by it.
            "payment_intent_data": {"description": payment.description, "metadata": marks},
            "success_url": payment.get_success_url(),
            "cancel_url": payment.get_failure_url(),
        }
        if payment.billing_email:
            wanted["customer_email"] = payment.billing_email
        made: stripe.checkout.Session = self._ask(
            self.client.v1.checkout.sessions.create, wanted, {"idempotency_key": f"checkout-{payment.token}"}
        )
        return made

    def get_line_items(self, payment: CardPayment) -> list[Any]:
        """Return the lines of the order as the invoice will have them, VAT included."""
        return [
            {
                "quantity": 1,
                "price_data": {
                    "currency": payment.currency.lower(),
                    "unit_amount": self.convert_amount(payment.currency, item.price),
                    "product_data": {"name": item.name},
                },
            }
            for item in payment.get_purchased_items()
        ]

    def convert_amount(self, currency: str, amount: Decimal) -> int:
        """Return the amount in cents, exactly."""
        return cents(amount)

    def look(self, payment: CardPayment) -> Outcome:
        """Return what has become of the session, of its money, and of what was given back of it."""
        session = self._ask(self.client.v1.checkout.sessions.retrieve, payment.transaction_id, {"expand": _WHOLE})
        intent = session.payment_intent
        charge = intent.latest_charge if intent else None
        refunds = list(charge.refunds.data) if charge and charge.refunds else []
        latest = max(refunds, key=lambda refund: refund.created, default=None)
        return Outcome(
            reference=session.id,
            token=session.client_reference_id or "",
            stage=_stage(session),
            amount=session.amount_total or 0,
            currency=(session.currency or "").upper(),
            charge=intent.id if intent else "",
            # Not the charge's own sum, which may count a refund that failed afterwards.
            refunded=sum(refund.amount for refund in refunds if refund.status not in _CAME_TO_NOTHING),
            refund=latest.id if latest else "",
            refund_failure=_failure(latest) if latest and latest.status in _CAME_TO_NOTHING else "",
            disputed=bool(charge and charge.disputed),
        )

    def give_back(self, payment: CardPayment) -> None:
        """Give the whole sum back, unless it was already."""
        outcome = self.look(payment)
        if outcome.refunded >= outcome.amount:
            return
        # Stripe keeps its answer with the key, a refusal too. One that failed, or is asked for again by hand, has a key
        # of its own; two that try at once have the same.
        key = f"refund-{payment.token}-{outcome.refund}-{payment.kept.get(ASKED_AGAIN, 0)}"
        self._ask(
            self.client.v1.refunds.create,
            {
                "payment_intent": outcome.charge,
                # What is left: part of it may have been given back by hand.
                "amount": outcome.amount - outcome.refunded,
                "metadata": {_TOKEN: payment.token, "order": str(payment.order_id)},
            },
            {"idempotency_key": key},
        )

    def close(self, payment: CardPayment) -> None:
        """Let the session expire now."""
        if not payment.transaction_id:
            return
        session = self._ask(self.client.v1.checkout.sessions.retrieve, payment.transaction_id)
        if session.status == "open":
            self._ask(self.client.v1.checkout.sessions.expire, payment.transaction_id)

    def heard(self, body: bytes, signature: str) -> Event:
        """Return the event that Stripe signed. Raises `UnsignedEvent`: not Stripe, or too long ago."""
        if not signature.isascii():
            # Stripe's library fails to compare such a one.
            raise UnsignedEvent("The signature is no ASCII.")
        try:
            told: Any = self.client.construct_event(body, signature, self.endpoint_secret)
        except (ValueError, stripe.SignatureVerificationError) as refused:
            # Not chained: the exception holds the body.
            raise UnsignedEvent(type(refused).__name__) from None
        if told.type not in KINDS:
            return Event(number=told.id, kind=told.type, token="")
        about = told.data.object
        reference = about.id if about.object == "checkout.session" else ""
        return Event(number=told.id, kind=told.type, token=self._token(about), reference=reference)

    def _token(self, about: Any) -> str:
        """Return the token of ours that a session, a charge or a refund speaks of; empty where it is none of ours."""
        if about.object == "checkout.session":
            return about.client_reference_id or ""
        token = _marked(about)
        if not token and about.payment_intent:
            # Refunds made in the dashboard bear no mark themselves.
            token = _marked(self._ask(self.client.v1.payment_intents.retrieve, about.payment_intent))
        return token

    def _ask(self, what: Any, *arguments: Any) -> Any:
        """Put a question to Stripe. Raises `ProviderSilent` or `ProviderRefuses`, which say nothing secret.

        Not chained: in its own words Stripe repeats sessions and addresses, which a log would keep.
        """
        try:
            return what(*arguments)
        except (stripe.AuthenticationError, stripe.PermissionError) as failed:
            # Nothing is known of what was asked, and it will be answered once the key is put right.
            logger.error("Stripe does not accept our key, or not for this: %s", type(failed).__name__)  # noqa: TRY400
            raise ProviderSilent(_SILENT) from None
        except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError):
            raise ProviderSilent(_SILENT) from None
        except stripe.StripeError as failed:
            said = failed.code or type(failed).__name__
            raise ProviderRefuses(f"Le service de paiement a refusé la demande ({said}).") from None

    def _not_ours(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse django-payments' own ways, which write the status outside any lock: `settling` alone does."""
        raise NotImplementedError

    get_form = refund = status = process_data = get_token_from_request = return_event_payload = cancel = _not_ours


def _stage(session: stripe.checkout.Session) -> Stage:
    """Return how far the buyer has come. A payment that takes days may fail once the session is complete."""
    if session.payment_status == "paid":
        return Stage.PAID
    intent: Any = session.payment_intent
    failed = session.status == "complete" and intent is not None and intent.status in _UNPAID
    return Stage.OVER if failed or session.status == "expired" else Stage.OPEN


def _marked(about: Any) -> str:
    return str(about.metadata[_TOKEN]) if about.metadata and _TOKEN in about.metadata else ""


def _failure(refund: stripe.Refund) -> str:
    reason = refund.failure_reason or refund.status or ""
    return _FAILURES.get(reason, reason)
