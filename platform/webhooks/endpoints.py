"""Operations on endpoints: add, update, rotate the secret, remove, send a test; and replay a delivery.

Called by `collectivities.operations.webhooks`, which writes the audit log.
"""

import base64
import datetime
import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.views.decorators.debug import sensitive_variables

from core.connections import connection
from core.exceptions import DomainError, Refusal
from core.sealing import Sealer
from jobs import due
from webhooks import leases, url_policy
from webhooks.event_types import WebhookEventType, list_subscribable_types
from webhooks.models import Delivery, DeliveryState, DisabledReason, WebhookEndpoint, WebhookEvent
from webhooks.operations import (
    PRUNE,
    RETENTION,
    RETRY_PERIOD,
    Listeners,
    NewEvent,
    queue_drain,
    schedule_giving_up,
    write_events,
)


def get_last_event_type(subject: str, *, among: Collection[str]) -> str | None:
    """Return the type of a subject's last event among these types; None if there is none. One query."""
    events = WebhookEvent.objects.filter(subject=subject, type__in=among).order_by("-pk")
    return events.values_list("type", flat=True).first()


def list_endpoints_with_counts() -> QuerySet[WebhookEndpoint]:
    """Return the endpoints that are not deleted, annotated with delivery counts `waiting` and `given_up`."""
    return WebhookEndpoint.objects.kept().annotate(
        waiting=Count("deliveries", filter=Q(deliveries__state=DeliveryState.PENDING)),
        given_up=Count("deliveries", filter=Q(deliveries__state=DeliveryState.FAILED)),
    )


def list_deliveries(endpoint_id: int) -> QuerySet[Delivery]:
    """Return the deliveries of an endpoint that is not deleted, with their events."""
    return Delivery.objects.select_related("event").filter(endpoint_id=endpoint_id, endpoint__deleted_at=None)


# Body, headers and signature of a webhook request, after the Standard Webhooks specification.
#
# A secret is `whsec_` and the base64 of 32 random bytes. The signature is the HMAC-SHA256 of « id.timestamp.body »,
# which prevents tampering and replay. During a rotation both secrets sign.

PREFIX = "whsec_"
sealer = Sealer("webhooks")


def generate_secret() -> bytes:
    """Return a new random secret of 32 bytes."""
    return secrets.token_bytes(32)


@sensitive_variables("secret")
def format_secret(secret: bytes) -> str:
    """Return a secret as `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


@sensitive_variables("signing_secrets")
def get_secrets(endpoint: WebhookEndpoint, at: datetime.datetime) -> list[bytes]:
    """Return the secrets that sign at a time, the current one first. Raises `core.sealing.UnsealError`."""
    signing_secrets = [sealer.unseal(bytes(endpoint.sealed_secret))]
    if endpoint.sealed_previous is not None and endpoint.previous_until is not None and at < endpoint.previous_until:
        signing_secrets.append(sealer.unseal(bytes(endpoint.sealed_previous)))
    return signing_secrets


def build_body(event: WebhookEvent) -> bytes:
    """Return the JSON body: type, timestamp and data; the same at every attempt."""
    moment = event.at.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    content = {"type": event.type, "timestamp": moment, "data": event.data}
    return json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":")).encode()


@sensitive_variables("signing_secrets")
def build_headers(
    event_id: str, body: bytes, signing_secrets: Sequence[bytes], at: datetime.datetime
) -> dict[str, str]:
    """Return the three headers of Standard Webhooks."""
    timestamp = str(int(at.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        for secret in signing_secrets
    ]
    return {"webhook-id": event_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


#: How long the previous secret also signs after a rotation.
ROTATION_OVERLAP = datetime.timedelta(hours=24)
#: Enough for any tenant: more receivers belong behind one endpoint.
MAX_ENDPOINTS = 20


class UnknownEndpoint(DomainError):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("Ce webhook n'existe pas, ou a été supprimé.")


class NewEndpoint(NamedTuple):
    """An endpoint and its new secret, which cannot be shown again."""

    endpoint: WebhookEndpoint
    secret: str


@transaction.atomic
def add(*, url: str, types: Collection[str], by_id: int | None, at: datetime.datetime) -> NewEndpoint:
    """Create an endpoint for these event types (empty: all), and return it with its secret.

    Raises `Refusal` for an address or a type that is not allowed, an address that is taken, or too many endpoints.
    """
    url_policy.check_url(url)
    valid_types = _check_types(types)
    if WebhookEndpoint.objects.kept().count() >= MAX_ENDPOINTS:
        raise Refusal(
            "too_many_webhooks", f"Un bureau a {MAX_ENDPOINTS} webhooks au plus : supprimez-en un qui ne sert plus."
        )
    secret = generate_secret()
    endpoint = WebhookEndpoint(
        url=url, types=valid_types, sealed_secret=sealer.seal(secret), created_at=at, created_by_id=by_id
    )
    _save(endpoint)
    return NewEndpoint(endpoint, format_secret(secret))


@transaction.atomic
def update(
    *, endpoint_id: int, url: str | None = None, types: Collection[str] | None = None, is_enabled: bool | None = None
) -> WebhookEndpoint:
    """Update the given fields of an endpoint and return it. Enabled or with a new URL, it is drained at once.

    Raises `UnknownEndpoint`, and `Refusal` for an address or a type that is not allowed, or an address that is taken.
    """
    endpoint = get_locked(endpoint_id)
    must_drain = False
    if url is not None and url != endpoint.url:
        url_policy.check_url(url)
        endpoint.url, must_drain = url, True
    if types is not None:
        endpoint.types = _check_types(types)
    if is_enabled is not None and is_enabled != endpoint.is_enabled:
        endpoint.is_enabled, endpoint.disabled_reason = is_enabled, "" if is_enabled else DisabledReason.MANUAL
        must_drain = must_drain or is_enabled
    if must_drain:
        _reset_failures(endpoint)
        queue_drain()
    _save(endpoint)
    return endpoint


@transaction.atomic
def rotate_secret(*, endpoint_id: int, at: datetime.datetime, expected_rotation: str | None = None) -> NewEndpoint:
    """Replace the secret of an endpoint and return both; the old one also signs for `ROTATION_OVERLAP`.

    `expected_rotation`: the endpoint's `rotation` that the caller read. Raises `UnknownEndpoint`, and `Refusal` if it
    changed: a second rotation would drop the secret that receivers still use.
    """
    endpoint = get_locked(endpoint_id)
    if expected_rotation is not None and expected_rotation != endpoint.rotation:
        raise Refusal(
            "already_rotated", "Le secret vient d'être renouvelé : le précédent signe encore, rien de plus n'a changé."
        )
    secret = generate_secret()
    endpoint.sealed_previous, endpoint.previous_until = endpoint.sealed_secret, at + ROTATION_OVERLAP
    endpoint.sealed_secret = sealer.seal(secret)
    endpoint.save(update_fields=["sealed_previous", "previous_until", "sealed_secret"])
    return NewEndpoint(endpoint, format_secret(secret))


@transaction.atomic
def remove(*, endpoint_id: int, at: datetime.datetime) -> WebhookEndpoint:
    """Soft-delete an endpoint and fail its pending deliveries. Raises `UnknownEndpoint`."""
    endpoint = get_locked(endpoint_id)
    endpoint.is_enabled, endpoint.disabled_reason, endpoint.deleted_at = False, DisabledReason.DELETED, at
    endpoint.save(update_fields=["is_enabled", "disabled_reason", "deleted_at"])
    endpoint.deliveries.pending().update(
        state=DeliveryState.FAILED, settled_at=at, lease_until=None, reason=leases.ENDPOINT_REMOVED
    )
    due.schedule(PRUNE, connection.schema_name, at + RETENTION)
    return endpoint


@transaction.atomic
def send_test(*, endpoint_id: int, at: datetime.datetime) -> Delivery:
    """Queue a `webhook.test` event for this endpoint only.

    Raises `UnknownEndpoint`, and `Refusal` where the endpoint is disabled.
    """
    endpoint = _enabled(endpoint_id)
    _reset_failures(endpoint)
    endpoint.save()
    event = NewEvent(WebhookEventType.TEST, f"webhook:{endpoint.pk}", {"webhook": endpoint.pk})
    [number] = write_events(events=[event], to=Listeners({endpoint.pk: frozenset()}, has_readers=False), at=at)
    return Delivery.objects.select_related("event").get(event_id=number)


@transaction.atomic
def replay(*, endpoint_id: int, delivery_id: int, at: datetime.datetime) -> Delivery:
    """Queue a delivered or failed delivery again, under the same `webhook-id`, for another retry period.

    Raises `UnknownEndpoint`, and `Refusal` where the endpoint is disabled, or the delivery is gone or pending.
    """
    endpoint = _enabled(endpoint_id)
    deliveries = Delivery.objects.select_related("event").locked()
    delivery = deliveries.filter(endpoint=endpoint, pk=delivery_id).first()
    if delivery is None:
        raise Refusal("not_found", "Cet envoi n'existe pas, ou a été oublié au bout de trente jours.")
    if delivery.state == DeliveryState.PENDING:
        raise Refusal("delivery_pending", "Cet envoi est déjà en attente : il part au prochain essai.")
    _reset_failures(endpoint)
    endpoint.save()
    delivery.state, delivery.settled_at, delivery.reason, delivery.attempts = DeliveryState.PENDING, None, "", 0
    delivery.next_at, delivery.gives_up_at = at, at + RETRY_PERIOD
    delivery.save()
    queue_drain()
    schedule_giving_up(at)
    return delivery


@transaction.atomic
def reseal() -> int:
    """Reseal the tenant's webhook secrets under the current key; return the number of endpoints.

    Raises `core.sealing.UnsealError`, having changed nothing, if the settings lack a key.
    """
    kept = list(WebhookEndpoint.objects.kept().locked())
    for endpoint in kept:
        endpoint.sealed_secret = sealer.reseal(bytes(endpoint.sealed_secret))
        if endpoint.sealed_previous is not None:
            endpoint.sealed_previous = sealer.reseal(bytes(endpoint.sealed_previous))
    WebhookEndpoint.objects.bulk_update(kept, ["sealed_secret", "sealed_previous"])
    return len(kept)


def get_locked(endpoint_id: int) -> WebhookEndpoint:
    """Lock and return an endpoint that is not deleted. Raises `UnknownEndpoint`."""
    endpoint = WebhookEndpoint.objects.kept().locked().filter(pk=endpoint_id).first()
    if endpoint is None:
        raise UnknownEndpoint
    return endpoint


def _enabled(endpoint_id: int) -> WebhookEndpoint:
    endpoint = get_locked(endpoint_id)
    if not endpoint.is_enabled:
        raise Refusal("webhook_disabled", "Ce webhook est désactivé : activez-le d'abord.")
    return endpoint


def _reset_failures(endpoint: WebhookEndpoint) -> None:
    """Reset the failure count and pause, so that due deliveries are sent at once."""
    endpoint.failures, endpoint.failing_since, endpoint.paused_until = 0, None, None


def _save(endpoint: WebhookEndpoint) -> None:
    try:
        with transaction.atomic():
            endpoint.save()
    except IntegrityError as broken:
        if "endpoint_once_an_address" not in str(broken):
            raise
        raise Refusal("url_already_used", "Un webhook conduit déjà à cette adresse : modifiez celui-là.") from None


def _check_types(types: Collection[str]) -> list[str]:
    known = [kind for kind, _ in list_subscribable_types()]
    if unknown := [kind for kind in types if kind not in known]:
        raise Refusal("unknown_event_type", f"Ce type d'événement n'existe pas : {unknown[0]}.")
    return [kind for kind in known if kind in types]
