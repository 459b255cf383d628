"""Webhook for Stripe events. Public; only signed requests are accepted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from licensing.exceptions import Refused
from licensing.orders.card import asking
from licensing.orders.card.exceptions import CardsClosed, UnsignedEvent
from licensing.orders.card.providers import named
from licensing.orders.models import CardPayment, ProviderEvent
from web.access import public_page

if TYPE_CHECKING:
    from django.http import HttpRequest

    from licensing.orders.card.stripe_checkout import StripeCheckout

logger = logging.getLogger(__name__)
VARIANT = "stripe"


@public_page
@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """Receive an event: fetch the state of its payment from Stripe, and record it.

    Returns 200 when handled, 400 for an invalid signature, 503 for Stripe to retry.
    """
    try:
        provider = cast("StripeCheckout", named(VARIANT))
    except CardsClosed:
        raise Http404 from None
    try:
        event = provider.heard(request.body, request.headers.get("Stripe-Signature", ""))
        # The Stripe account may serve several sites: ignore payments that are not ours.
        payment = CardPayment.objects.filter(variant=VARIANT, token=event.token).first() if event.token else None
        is_duplicate = ProviderEvent.objects.filter(variant=VARIANT, event_id=event.number).exists()
        if payment is not None and not is_duplicate:
            asking.look_again(payment, at=timezone.now(), event=event)
    except UnsignedEvent as unsigned:
        logger.warning("An event that Stripe did not sign was refused: %s", unsigned)
        return HttpResponse(status=400)
    except Refused as refusal:
        logger.warning("A Stripe event could not be handled and will be retried: %s", refusal)
        return HttpResponse(status=503)
    return HttpResponse(status=200)
