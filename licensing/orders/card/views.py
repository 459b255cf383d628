"""The pages of a payment by card: where it is made, and where its buyer hears what came of it.

A payment is its buyer's alone: its address is worth nothing to anybody else.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.csp import CSP
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_GET, require_http_methods
from payments import PaymentStatus

from licensing.exceptions import Refused
from licensing.orders.card import asking, starting
from licensing.orders.card.providers import provider_of
from licensing.orders.models import CardPayment, OrderState, Payment
from licensing.subscriptions.models import Subscription
from web.access import signed_in
from web.typography import plural

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.models import User

logger = logging.getLogger(__name__)
#: It came to an end, and no money came of it.
_ENDED = (PaymentStatus.REJECTED, PaymentStatus.CANCELLED)


@signed_in
@require_http_methods(["GET", "POST"])
@never_cache
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is to be paid; then lead to the provider.

    An attempt that ended without money, or is for a sum that the order no longer comes to, is begun anew.
    """
    payment = _own(request, token)
    if payment.status not in starting.LIVE and (request.method == "GET" or payment.status not in _ENDED):
        return redirect("card_back", token=token)
    content: dict[str, object] = {"payment": payment}
    try:
        if request.method == "POST":
            # Nobody is sent to pay for what was paid, cancelled or changed in another window.
            current = starting.start(order_id=payment.order_id, by=_buyer(request), at=timezone.now())
            if current != payment:
                return redirect("card_pay", token=current.token)
        provider = provider_of(payment)
        answers = provider.answers(request.POST if request.method == "POST" else None)
        content |= {"form": answers, "real": provider.real}
        if answers.is_valid():
            # To the provider's own page, at another host: `_page` lets the form lead there.
            return HttpResponseRedirect(asking.proceed(payment, answers))
    except Refused as refusal:
        return _page(request, "orders/card/pay.html", content | {"refusal": refusal}, status=409)
    return _page(request, "orders/card/pay.html", content, status=422 if answers.errors else 200)


@signed_in
@require_GET
@never_cache
def back(request: HttpRequest, token: str) -> HttpResponse:
    """Tell the buyer what came of it. The provider is asked here and now: its webhook may be late."""
    payment = _own(request, token)
    if payment.status == PaymentStatus.WAITING:
        return redirect("card_pay", token=token)
    if payment.status == PaymentStatus.INPUT:
        try:
            asking.look_again(payment, at=timezone.now())
        except Refused as refusal:
            # The page says that it is not known yet; the webhook or the duty will know.
            logger.warning("%s: nothing was learnt from the provider: %s", payment, refusal)
        payment = _own(request, token)
    content = {"payment": payment, "order": payment.order}
    if payment.status == PaymentStatus.INPUT:
        return render(request, "orders/card/awaited.html", content)
    if payment.status in _ENDED:
        return _page(request, "orders/card/not_paid.html", content)
    if payment.order.state != OrderState.PAID or _goes_back(payment):
        return render(request, "orders/card/not_paid.html", content | {"returned": True})
    return render(request, "orders/card/paid.html", content | _opened(payment, _buyer(request)))


def _own(request: HttpRequest, token: str) -> CardPayment:
    mine = CardPayment.objects.select_related("order").filter(order__placed_by=_buyer(request))
    payment: CardPayment = get_object_or_404(mine, token=token)
    return payment


def _buyer(request: HttpRequest) -> User:
    assert request.user.is_authenticated  # noqa: S101 - the policy has let nobody else in
    return request.user


def _goes_back(payment: CardPayment) -> bool:
    """Whether the money is on its way back, or was never asked for."""
    refunded = Payment.objects.filter(card=payment, refunds__isnull=False).exists()
    return refunded or payment.status == PaymentStatus.REFUNDED or not payment.payment_set.exists()


def _opened(payment: CardPayment, buyer: User) -> dict[str, object]:
    """Return what the order opened: the counter of its licences, and whether the one there is is the buyer's own."""
    mine = Subscription.objects.select_related("key__source")
    subscription = mine.filter(key__source__order_line__order=payment.order_id).first()
    if subscription is None:
        return {}
    taken = subscription.seats.held().count()
    words = plural(taken, "licence attribuée", "licences attribuées") if taken else "aucune n’est encore attribuée"
    own = subscription.size == 1 and subscription.seats.filter(holder=buyer).exists()
    return {"subscription": subscription, "taken": taken, "words": words, "own": own}


def _page(request: HttpRequest, template: str, content: dict[str, object], *, status: int = 200) -> HttpResponse:
    """Render a page whose form may lead to the provider's, and to no other host."""
    policy = cast("dict[str, list[str]]", settings.SECURE_CSP) | {
        "form-action": [CSP.SELF, settings.STRIPE_CHECKOUT_ORIGIN]
    }

    @csp_override(policy)
    def answer(request: HttpRequest) -> HttpResponse:
        return render(request, template, content, status=status)

    allowed: HttpResponse = answer(request)
    return allowed
