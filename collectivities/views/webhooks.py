"""List, add, edit, test and remove webhooks; list and replay deliveries. Managers only."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
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
from web.page_actions import RefusalsOn, page_action
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
    if form.is_valid():
        with RefusalsOn(form, "url"):
            created = operations.add_webhook(**form.cleaned_data, by=request.member.user, at=timezone.now())
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
@page_action("webhooks:detail", "pk")
def edit(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Edit a webhook."""
    webhook = _get_webhook(pk)
    initial = {"url": webhook.url, "types": webhook.types, "is_enabled": webhook.is_enabled}
    form = WebhookEditForm(request.POST or None, initial=initial)
    if form.is_valid():
        with RefusalsOn(form, "url"):
            operations.change_webhook(webhook_id=pk, **form.cleaned_data, by=request.member.user, at=timezone.now())
            return "le webhook est enregistré."
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
@page_action("webhooks:detail", "pk")
def send_test(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Queue a test event and show its delivery."""
    _get_webhook(pk)
    test_delivery = operations.test_webhook(webhook_id=pk, by=request.member.user, at=timezone.now())
    messages.success(request, "l'essai est en route : rechargez cette page dans quelques secondes.")
    return redirect("webhooks:delivery", pk=pk, number=test_delivery.pk)


@office(Capability.MANAGE_OFFICE)
@require_http_methods(["GET", "POST"])
@page_action("webhooks:list")
def remove(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Confirm, then delete a webhook."""
    webhook = _get_webhook(pk)
    if request.method == "GET":
        waiting = list_deliveries(pk).filter(state=DeliveryState.PENDING).count()
        return render(request, f"{_TEMPLATES}/remove.html", {"webhook": webhook, "waiting": waiting})
    operations.remove_webhook(webhook_id=pk, by=request.member.user, at=timezone.now())
    return "le webhook est supprimé : plus rien ne lui est envoyé."


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
@page_action("webhooks:delivery", "pk", "number")
def replay(request: OfficeHttpRequest, pk: int, number: int) -> str:
    """Queue a delivery again."""
    _get_delivery(pk, number)
    operations.replay_delivery(webhook_id=pk, delivery_id=number, by=request.member.user, at=timezone.now())
    return "l'envoi repart : rechargez cette page dans quelques secondes."


def _get_webhook(pk: int) -> WebhookEndpoint:
    return get_object_or_404(WebhookEndpoint.objects.kept(), pk=pk)


def _get_delivery(pk: int, number: int) -> Delivery:
    return get_object_or_404(list_deliveries(pk).select_related("endpoint"), pk=number)
