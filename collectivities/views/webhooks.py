"""List, add, edit, test and remove webhooks; list and replay deliveries. Managers only."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.reauthentication import confirmed_recently
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.forms import (
    WebhookDeliveryFilter,
    WebhookEditForm,
    WebhookForm,
    format_event_data,
    get_webhook_status,
    list_type_labels,
)
from collectivities.operations import webhooks as operations
from core.exceptions import DomainError
from webhooks.endpoints import list_deliveries, list_endpoints_with_counts
from webhooks.event_types import list_subscribable_types
from webhooks.models import Delivery, DeliveryState, WebhookEndpoint

_TEMPLATES = "collectivities/webhooks"
PAGE_SIZE = 50


@office(Capability.MANAGE_OFFICE)
@require_GET
def webhooks_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the webhooks with their status."""
    now = timezone.now()
    rows = [
        (webhook, get_webhook_status(webhook, now), list_type_labels(webhook))
        for webhook in list_endpoints_with_counts().order_by("pk")
    ]
    return render(request, f"{_TEMPLATES}/list.html", {"webhooks": rows, "types": list_subscribable_types()})


@confirmed_recently()
@office(Capability.MANAGE_OFFICE)
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_variables("created")
def new(request: OfficeHttpRequest) -> HttpResponse:
    """Add a webhook and show its secret once, in the response, which is not cached."""
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = operations.add_webhook(**form.cleaned_data, by=request.member.user, at=timezone.now())
        except DomainError as refusal:
            form.add_error("url", str(refusal))
        else:
            return render(request, f"{_TEMPLATES}/secret.html", {"webhook": created.endpoint, "secret": created.secret})
    return render(request, f"{_TEMPLATES}/new.html", {"form": form})


@office(Capability.MANAGE_OFFICE)
@require_GET
def detail(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show a webhook and its deliveries."""
    webhook, now = _get_webhook(pk), timezone.now()
    delivery_filter = WebhookDeliveryFilter(request.GET, list_deliveries(pk).order_by("-pk"))
    context = {
        "webhook": webhook,
        "state": get_webhook_status(webhook, now),
        "types": list_type_labels(webhook),
        "both_sign": webhook.previous_until is not None and webhook.previous_until > now,
        "filter": delivery_filter,
        "page_obj": Paginator(delivery_filter.qs, PAGE_SIZE).get_page(request.GET.get("page")),
        "now": now,
    }
    return render(request, f"{_TEMPLATES}/detail.html", context)


@confirmed_recently()
@office(Capability.MANAGE_OFFICE)
@require_http_methods(["GET", "POST"])
def edit(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Edit a webhook."""
    webhook = _get_webhook(pk)
    initial = {"url": webhook.url, "types": webhook.types, "is_enabled": webhook.is_enabled}
    form = WebhookEditForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            operations.change_webhook(webhook_id=pk, **form.cleaned_data, by=request.member.user, at=timezone.now())
        except DomainError as refusal:
            form.add_error("url", str(refusal))
        else:
            messages.success(request, "le webhook est enregistré.")
            return redirect("webhooks:detail", pk=pk)
    return render(request, f"{_TEMPLATES}/edit.html", {"webhook": webhook, "form": form})


@confirmed_recently()
@office(Capability.MANAGE_OFFICE)
@never_cache
@require_http_methods(["GET", "POST"])
@sensitive_variables("created")
def rotate(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Confirm, then rotate the secret and show the new one once."""
    webhook = _get_webhook(pk)
    if request.method == "GET":
        return render(request, f"{_TEMPLATES}/rotate.html", {"webhook": webhook})
    try:
        created = operations.rotate_webhook_secret(
            webhook_id=pk, current_rotation=request.POST.get("vu", ""), by=request.member.user, at=timezone.now()
        )
    except DomainError as refusal:
        messages.warning(request, str(refusal))
        return redirect("webhooks:detail", pk=pk)
    context = {"webhook": created.endpoint, "secret": created.secret, "is_renewed": True}
    return render(request, f"{_TEMPLATES}/secret.html", context)


@office(Capability.MANAGE_OFFICE)
@require_POST
def send_test(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Queue a test event and show its delivery."""
    _get_webhook(pk)
    try:
        test_delivery = operations.test_webhook(webhook_id=pk, by=request.member.user, at=timezone.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("webhooks:detail", pk=pk)
    messages.success(request, "l'essai est en route : rechargez cette page dans quelques secondes.")
    return redirect("webhooks:delivery", pk=pk, number=test_delivery.pk)


@office(Capability.MANAGE_OFFICE)
@require_http_methods(["GET", "POST"])
def remove(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Confirm, then delete a webhook."""
    webhook = _get_webhook(pk)
    if request.method == "GET":
        waiting = list_deliveries(pk).filter(state=DeliveryState.PENDING).count()
        return render(request, f"{_TEMPLATES}/remove.html", {"webhook": webhook, "waiting": waiting})
    try:
        operations.remove_webhook(webhook_id=pk, by=request.member.user, at=timezone.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "le webhook est supprimé : plus rien ne lui est envoyé.")
    return redirect("webhooks:list")


@office(Capability.MANAGE_OFFICE)
@require_GET
def delivery(request: OfficeHttpRequest, pk: int, number: int) -> HttpResponse:
    """Show a delivery: its content and each attempt."""
    found = _get_delivery(pk, number)
    context = {
        "webhook": found.endpoint,
        "delivery": found,
        "content": format_event_data(found.event),
        "tries": found.tries.order_by("-pk"),
        "may_replay": found.state != DeliveryState.PENDING and found.endpoint.is_enabled,
        "now": timezone.now(),
    }
    return render(request, f"{_TEMPLATES}/delivery.html", context)


@office(Capability.MANAGE_OFFICE)
@require_POST
def replay(request: OfficeHttpRequest, pk: int, number: int) -> HttpResponse:
    """Queue a delivery again."""
    _get_delivery(pk, number)
    try:
        operations.replay_delivery(webhook_id=pk, delivery_id=number, by=request.member.user, at=timezone.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "l'envoi repart : rechargez cette page dans quelques secondes.")
    return redirect("webhooks:delivery", pk=pk, number=number)


def _get_webhook(pk: int) -> WebhookEndpoint:
    webhook = WebhookEndpoint.objects.kept().filter(pk=pk).first()
    if webhook is None:
        raise Http404("No such webhook in this office.")
    return webhook


def _get_delivery(pk: int, number: int) -> Delivery:
    found = list_deliveries(pk).select_related("endpoint").filter(pk=number).first()
    if found is None:
        raise Http404("No such delivery in this office.")
    return found
