"""Webhook for Stripe events. Public; only signed requests are accepted."""

from __future__ import annotations

import logging
from typing import cast

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from licensing.exceptions import LicensingError
from licensing.payments.card import provider_calls
from licensing.payments.card.providers import get_provider_by_name
from licensing.payments.card.stripe_checkout import StripeCheckout
from licensing.payments.exceptions import CardsClosed, UnsignedEvent
from licensing.payments.models import CardPayment, ProviderEvent
from web.access import public_page

logger = logging.getLogger(__name__)
VARIANT = "stripe"


@public_page
@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Receive an event: fetch the state of its payment from Stripe, and record it.

    Returns 200 when handled, 400 for an invalid signature, 503 for Stripe to retry.
    """
    try:
        provider = cast("StripeCheckout", get_provider_by_name(VARIANT))
    except CardsClosed:
        raise Http404 from None
    try:
        event = provider.parse_event(request.body, request.headers.get("Stripe-Signature", ""))
        # The Stripe account may serve several sites: ignore payments that are not ours.
        payment = CardPayment.objects.filter(variant=VARIANT, token=event.token).first() if event.token else None
        is_duplicate = ProviderEvent.objects.filter(variant=VARIANT, event_id=event.number).exists()
        if payment is not None and not is_duplicate:
            provider_calls.poll_payment(payment, at=timezone.now(), event=event)
    except UnsignedEvent as unsigned:
        logger.warning("An event that Stripe did not sign was refused: %s", unsigned)
        return HttpResponse(status=400)
    except LicensingError as refusal:
        logger.warning("A Stripe event could not be handled and will be retried: %s", refusal)
        return HttpResponse(status=503)
    return HttpResponse(status=200)
