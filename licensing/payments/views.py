"""Pages of a card payment, accessible to the buyer only, and the webhook for Stripe's events: public, but signed."""

import logging
from typing import cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.csp import CSP
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from payments import PaymentStatus

from accounts.models import User
from accounts.requests import AuthenticatedRequest
from core.calendar import date_in_paris
from core.exceptions import DomainError
from core.formatting import pluralize
from licensing.entitlements.models import Subscription
from licensing.entitlements.wording import describe_start
from licensing.orders.models import OrderState
from licensing.payments import card
from licensing.payments.card_providers import CardsClosed, UnsignedEvent, get_provider, get_provider_by_name
from licensing.payments.models import CardPayment, ProviderEvent
from licensing.payments.queries import get_card_net
from licensing.payments.stripe_checkout import StripeCheckout
from web.access import public_page, signed_in

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
            card.poll_payment(payment, at=timezone.now(), event=event)
    except UnsignedEvent as unsigned:
        logger.warning("An event that Stripe did not sign was refused: %s", unsigned)
        return HttpResponse(status=400)
    except DomainError as refusal:
        logger.warning("A Stripe event could not be handled and will be retried: %s", refusal)
        return HttpResponse(status=503)
    return HttpResponse(status=200)


logger = logging.getLogger(__name__)
#: Statuses of an attempt that ended without payment.
_ENDED = (PaymentStatus.REJECTED, PaymentStatus.CANCELLED)


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
def pay(request: AuthenticatedRequest, token: str) -> HttpResponse:
    """Show the amount due, then redirect to the provider.

    Starts a new attempt if this one ended without payment or is for an outdated amount.
    """
    payment = _get_own_payment(request, token)
    if payment.status not in card.OPEN_STATUSES and (request.method == "GET" or payment.status not in _ENDED):
        return redirect("card_result", token=token)
    context: dict[str, object] = {"payment": payment}
    try:
        if request.method == "POST":
            # The order may have been paid, cancelled or changed in another window.
            current = card.start_attempt(order_id=payment.order_id, by=request.user, at=timezone.now())
            if current != payment:
                return redirect("card_pay", token=current.token)
        provider = get_provider(payment)
        form = provider.form_class(request.POST if request.method == "POST" else None)
        context |= {"form": form, "real": provider.real}
        if form.is_valid():
            # To the provider's host, which the CSP set by `_render_page` allows.
            return HttpResponseRedirect(card.open_session(payment, form))
    except DomainError as refusal:
        return _render_page(request, "payments/pay.html", context | {"refusal": refusal}, status=409)
    return _render_page(request, "payments/pay.html", context, status=422 if form.errors else 200)


@signed_in
@require_GET
@never_cache
def payment_result(request: AuthenticatedRequest, token: str) -> HttpResponse:
    """Show the result of the payment, fetched from the provider: its webhook may be late."""
    payment = _get_own_payment(request, token)
    if payment.status == PaymentStatus.WAITING:
        return redirect("card_pay", token=token)
    if payment.status == PaymentStatus.INPUT:
        try:
            card.poll_payment(payment, at=timezone.now())
        except DomainError as refusal:
            # The page shows it as pending; the webhook or the periodic task will record it.
            logger.warning("%s: nothing was learnt from the provider: %s", payment, refusal)
        payment = _get_own_payment(request, token)
    context: dict[str, object] = {"payment": payment, "order": payment.order}
    if payment.status == PaymentStatus.INPUT:
        return render(request, "payments/awaited.html", context)
    if payment.status in _ENDED:
        return _render_page(request, "payments/not_paid.html", context)
    if payment.order.state != OrderState.PAID or _is_refunded(payment):
        return render(request, "payments/not_paid.html", context | {"returned": True})
    return render(request, "payments/paid.html", context | _subscription_context(payment, request.user))


def _get_own_payment(request: AuthenticatedRequest, token: str) -> CardPayment:
    own_payments = CardPayment.objects.select_related("order").filter(order__placed_by=request.user)
    payment: CardPayment = get_object_or_404(own_payments, token=token)
    return payment


def _is_refunded(payment: CardPayment) -> bool:
    """Return whether all of the payment is being refunded, or was never due."""
    return get_card_net(payment) <= 0 or payment.status == PaymentStatus.REFUNDED


def _subscription_context(payment: CardPayment, buyer: User) -> dict[str, object]:
    """Return the template context of the opened subscription: seats taken, and whether its only seat is the buyer's."""
    subscriptions = Subscription.objects.select_related("key__entitlement")
    subscription = subscriptions.filter(key__entitlement__order_line__order=payment.order_id).first()
    if subscription is None:
        return {}
    taken = subscription.seats.held().count()
    summary = pluralize(taken, "licence attribuée", "licences attribuées") if taken else "aucune n’est encore attribuée"
    is_own = subscription.size == 1 and subscription.seats.filter(holder=buyer).exists()
    start = describe_start(subscription.key.entitlement, date_in_paris(timezone.now()))
    return {"subscription": subscription, "taken": taken, "words": summary, "own": is_own, "start": start}


def _render_page(request: HttpRequest, template: str, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    """Render a page whose CSP allows its form to redirect to the provider only."""
    policy = cast("dict[str, list[str]]", settings.SECURE_CSP) | {
        "form-action": [CSP.SELF, settings.STRIPE_CHECKOUT_ORIGIN]
    }

    @csp_override(policy)
    def render_allowed(request: HttpRequest) -> HttpResponse:
        return render(request, template, context, status=status)

    response: HttpResponse = render_allowed(request)
    return response
