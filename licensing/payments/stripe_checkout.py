"""Stripe Checkout: Stripe's page collects the card, and we fetch the result.

Differs from django-payments' provider, which shows the buyer « Order #token », stores the full session with personal
data, writes the status without a lock, truncates cents, and sets the API key globally. Writes carry an idempotency key.
"""

import datetime
import logging
from decimal import Decimal
from typing import Any, ClassVar, NoReturn

import stripe
from django import forms
from django.conf import settings
from payments.stripe import StripeProviderV3
from stripe.params import BalanceTransactionListParams
from stripe.params.checkout import SessionCreateParams

from core.foreign_values import clean_line, parse_json_object
from licensing.payments.card_providers import (
    EURO,
    REFUND_RETRIES,
    BalanceMovement,
    ProviderNotification,
    ProviderOutcome,
    ProviderRefund,
    ProviderRefuses,
    ProviderSession,
    ProviderSilent,
    SessionState,
    UnsignedEvent,
    to_cents,
)
from licensing.payments.models import CardPayment

logger = logging.getLogger(__name__)
#: Timeout of a request to Stripe, in seconds; a user waits for it.
TIMEOUT = 10
#: Event types the webhook subscribes to; others are acknowledged and ignored.
EVENT_TYPES = frozenset(
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
#: What Stripe's library raises for JSON that is signed and no event.
_MALFORMED = (TypeError, ValueError, KeyError, AttributeError)
_TOKEN = "payment"  # noqa: S105 - metadata key of our token at Stripe
_NUMBER = "refund"  # metadata key of a refund's number
_EXPAND = ["payment_intent.latest_charge.refunds"]
_FAILED_STATUSES = ("failed", "canceled")
#: Statuses of a PaymentIntent whose payment failed.
_FAILED_INTENT_STATUSES = ("requires_payment_method", "canceled")
_UNAVAILABLE = "Le service de paiement ne répond pas pour l'instant. Réessayez dans quelques minutes."
#: Stripe's refund failure reason → French text; other reasons are shown as is.
_FAILURES = {
    "lost_or_stolen_card": "carte perdue ou volée",
    "expired_or_canceled_card": "carte expirée ou annulée",
    "charge_for_pending_refund_disputed": "paiement contesté entre-temps",
    "insufficient_funds": "solde insuffisant chez le prestataire",
    "declined": "refusé par la banque",
}


class StripeCheckout(StripeProviderV3):
    """Stripe provider: one Checkout session per attempt."""

    form_class = forms.Form
    real: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__(api_key="", endpoint_secret=settings.STRIPE_WEBHOOK_SECRET)
        self.client = stripe.StripeClient(
            settings.STRIPE_SECRET_KEY,
            base_addresses={"api": settings.STRIPE_API_BASE},
            http_client=stripe.RequestsClient(timeout=TIMEOUT),
            max_network_retries=1,
        )

    def open(self, payment: CardPayment, form: forms.Form) -> ProviderSession:
        """Create the session, or fetch the existing one."""
        if payment.transaction_id:
            session = self._call(self.client.v1.checkout.sessions.retrieve, payment.transaction_id)
        else:
            session = self.create_session(payment)
        # A completed or expired session has no URL: send the buyer to the result page.
        address = session.url or payment.get_success_url()
        if session.url and not session.url.startswith(f"{settings.STRIPE_CHECKOUT_ORIGIN}/"):
            # Our CSP allows only this origin: the browser would block the redirect silently.
            raise ProviderRefuses(f"La page de paiement de Stripe n'est pas à {settings.STRIPE_CHECKOUT_ORIGIN}.")
        return ProviderSession(reference=session.id, address=address)

    def create_session(self, payment: CardPayment) -> stripe.checkout.Session:
        """Create a Checkout session for a card, in French, with the order lines."""
        metadata = {_TOKEN: payment.token, "order": str(payment.order_id)}
        parameters: SessionCreateParams = {
            "mode": "payment",
            "allowed_payment_method_types": ["card"],
            # Always charge in euros, whatever the card's country.
            "adaptive_pricing": {"enabled": False},
            "locale": "fr",
            "line_items": self.get_line_items(payment),
            "client_reference_id": payment.token,
            "metadata": metadata,
            # Copied by Stripe to the charge: identifies refunds made in its dashboard.
            "payment_intent_data": {"description": payment.description, "metadata": metadata},
            "success_url": payment.get_success_url(),
            "cancel_url": payment.get_failure_url(),
        }
        if payment.billing_email:
            parameters["customer_email"] = payment.billing_email
        session: stripe.checkout.Session = self._call(
            self.client.v1.checkout.sessions.create, parameters, {"idempotency_key": f"checkout-{payment.token}"}
        )
        return session

    def get_line_items(self, payment: CardPayment) -> list[Any]:
        """Return the order lines as on the invoice, VAT included."""
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
        """Convert the amount to cents, exactly."""
        return to_cents(amount)

    def fetch_outcome(self, payment: CardPayment) -> ProviderOutcome:
        """Fetch the state of the session, its charge and its refunds."""
        session = self._call(self.client.v1.checkout.sessions.retrieve, payment.transaction_id, {"expand": _EXPAND})
        intent = session.payment_intent
        charge = intent.latest_charge if intent else None
        return ProviderOutcome(
            reference=session.id,
            token=session.client_reference_id or "",
            stage=_session_stage(session),
            amount=session.amount_total or 0,
            currency=(session.currency or "").upper(),
            charge=intent.id if intent else "",
            # Not `charge.amount_refunded`, which may include a refund that failed afterwards.
            refunds=tuple(_read_refund(refund) for refund in self._list_refunds(charge)),
            disputed=bool(charge and charge.disputed),
        )

    def _list_refunds(self, charge: Any) -> list[stripe.Refund]:
        """Return all refunds of a charge: Stripe sends the last ten with it."""
        if charge is None or not charge.refunds:
            return []
        if not charge.refunds.has_more:
            return list(charge.refunds.data)
        # A charge of ours is refunded a hundred times at most: each is a click of the operator.
        page = self._call(self.client.v1.refunds.list, {"charge": charge.id, "limit": 100})
        return list(page.data)

    def request_refund(self, payment: CardPayment, *, number: str, amount: int | None) -> None:
        """Ask for a refund, unless it was made already."""
        outcome = self.fetch_outcome(payment)
        # The remainder at most: part of it may have been refunded in the dashboard.
        left = outcome.amount - outcome.refunded
        if left <= 0 or any(refund.number == number and not refund.failure for refund in outcome.refunds):
            return
        # Stripe replays its answer for a key, even a rejection. A retry after a failure has its own key; concurrent
        # requests share one.
        key = f"refund-{payment.token}-{number}-{payment.provider_data.get(REFUND_RETRIES, 0)}"
        self._call(
            self.client.v1.refunds.create,
            {
                "payment_intent": outcome.charge,
                "amount": left if amount is None else min(amount, left),
                "metadata": {_TOKEN: payment.token, "order": str(payment.order_id), _NUMBER: number},
            },
            {"idempotency_key": key},
        )

    def close(self, payment: CardPayment) -> None:
        """Expire the session."""
        if not payment.transaction_id:
            return
        session = self._call(self.client.v1.checkout.sessions.retrieve, payment.transaction_id)
        if session.status == "open":
            self._call(self.client.v1.checkout.sessions.expire, payment.transaction_id)

    def list_balance_movements(self, since: datetime.datetime, until: datetime.datetime) -> list[BalanceMovement]:
        """List the balance transactions in euros, fees and payouts included, oldest first."""
        parameters: BalanceTransactionListParams = {
            "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
            "expand": ["data.source"],
            "limit": 100,
        }
        rows = self._call(lambda: list(self.client.v1.balance_transactions.list(parameters).auto_paging_iter()))
        return [_read_movement(row) for row in reversed(rows) if row.currency.upper() == EURO]

    def parse_event(self, body: bytes, signature: str) -> ProviderNotification:
        """Parse a webhook event. Raises `UnsignedEvent` if its signature is invalid or too old, or it is no event."""
        if not signature.isascii():
            # Stripe's library crashes on such a signature.
            raise UnsignedEvent("The signature is not ASCII.")
        try:
            stripe.WebhookSignature.verify_header(
                body.decode("utf-8"), signature, self.endpoint_secret, stripe.Webhook.DEFAULT_TOLERANCE
            )
            parse_json_object(body, max_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
            event: Any = self.client.construct_event(body, signature, self.endpoint_secret)
            if event.type not in EVENT_TYPES:
                return ProviderNotification(number=event.id, kind=event.type, token="")
            subject = event.data.object
            reference = subject.id if subject.object == "checkout.session" else ""
        except (*_MALFORMED, stripe.SignatureVerificationError) as refused:
            # Not chained: the exception contains the request body.
            raise UnsignedEvent(type(refused).__name__) from None
        return ProviderNotification(
            number=event.id, kind=event.type, token=self._find_token(subject), reference=reference
        )

    def _find_token(self, subject: Any) -> str:
        """Return our token of a session, charge or refund; empty if it is not ours."""
        if subject.object == "checkout.session":
            return subject.client_reference_id or ""
        token = _token_from_metadata(subject)
        if not token and subject.payment_intent:
            # Refunds made in the dashboard have no metadata of ours.
            token = _token_from_metadata(self._call(self.client.v1.payment_intents.retrieve, subject.payment_intent))
        return token

    def _call(self, method: Any, *arguments: Any) -> Any:
        """Call the Stripe API. Raises `ProviderSilent` or `ProviderRefuses`, without secrets in their messages.

        Not chained: Stripe's messages contain sessions and e-mail addresses, which must not be logged.
        """
        try:
            return method(*arguments)
        except (stripe.AuthenticationError, stripe.PermissionError) as failed:
            # Unknown outcome; a retry succeeds once the key is fixed.
            logger.error("Stripe does not accept our key, or not for this: %s", type(failed).__name__)  # noqa: TRY400
            raise ProviderSilent(_UNAVAILABLE) from None
        except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError):
            raise ProviderSilent(_UNAVAILABLE) from None
        except stripe.StripeError as failed:
            error_code = failed.code or type(failed).__name__
            raise ProviderRefuses(f"Le service de paiement a refusé la demande ({error_code}).") from None

    def _disabled(self, *_: Any, **__: Any) -> NoReturn:
        """Disable methods of django-payments that write the status without a lock: only `payments.card` does."""
        raise NotImplementedError

    get_form = refund = status = process_data = get_token_from_request = return_event_payload = cancel = _disabled


def _session_stage(session: stripe.checkout.Session) -> SessionState:
    """Return the state of a session. A delayed payment may fail after the session is complete."""
    if session.payment_status == "paid":
        return SessionState.PAID
    intent: Any = session.payment_intent
    failed = session.status == "complete" and intent is not None and intent.status in _FAILED_INTENT_STATUSES
    return SessionState.OVER if failed or session.status == "expired" else SessionState.OPEN


def _read_movement(row: stripe.BalanceTransaction) -> BalanceMovement:
    source: Any = row.source
    charge = source.id if source and source.object == "charge" else getattr(source, "charge", None)
    return BalanceMovement(
        reference=clean_line(row.id, 255),
        kind=clean_line(row.type, 60),
        amount=row.amount,
        fee=row.fee,
        net=row.net,
        created=row.created,
        charge=clean_line(charge or "", 255),
        token=_token_from_metadata(source) if charge and hasattr(source, "metadata") else "",
    )


def _token_from_metadata(subject: Any) -> str:
    return str(subject.metadata[_TOKEN]) if subject.metadata and _TOKEN in subject.metadata else ""


def _read_refund(refund: stripe.Refund) -> ProviderRefund:
    metadata: Any = refund.metadata
    return ProviderRefund(
        reference=refund.id,
        amount=refund.amount,
        number=str(metadata[_NUMBER]) if metadata and _NUMBER in metadata else "",
        failure=_failure_reason(refund) if refund.status in _FAILED_STATUSES else "",
    )


def _failure_reason(refund: stripe.Refund) -> str:
    reason = refund.failure_reason or refund.status or ""
    return _FAILURES.get(reason, reason)
