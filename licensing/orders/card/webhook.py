"""Where Stripe tells of what happened. Anybody can reach it; only what Stripe signed is listened to."""

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
    """Hear an event: ask Stripe what has become of the payment that it is about, and take note of it.

    200: there is nothing more to say of it. 400: Stripe did not sign it. 503: to be told again, and Stripe does.
    """
    try:
        provider = cast("StripeCheckout", named(VARIANT))
    except CardsClosed:
        raise Http404 from None
    try:
        event = provider.heard(request.body, request.headers.get("Stripe-Signature", ""))
        # An account may serve several sites: what is none of ours is some other's.
        payment = CardPayment.objects.filter(variant=VARIANT, token=event.token).first() if event.token else None
        told_before = ProviderEvent.objects.filter(variant=VARIANT, event_id=event.number).exists()
        if payment is not None and not told_before:
            asking.look_again(payment, at=timezone.now(), event=event)
    except UnsignedEvent as unsigned:
        logger.warning("An event that Stripe did not sign was refused: %s", unsigned)
        return HttpResponse(status=400)
    except Refused as refusal:
        logger.warning("An event of Stripe has to be told again: %s", refusal)
        return HttpResponse(status=503)
    return HttpResponse(status=200)
