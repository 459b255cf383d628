"""Operations on endpoints: add, update, rotate the secret, remove, send a test; and replay a delivery.

Called by `collectivities.operations.webhooks`, which writes the audit log.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db import IntegrityError, transaction

from web.refused import Refused
from webhooks import addresses, answers, signing
from webhooks.listening import Listeners
from webhooks.models import SUBSCRIBABLE, Delivery, DeliveryState, Endpoint, EventType, Off
from webhooks.operations import TRIED_FOR, Happening, queue_drain, write

if TYPE_CHECKING:
    from collections.abc import Collection

#: How long the previous secret also signs after a rotation.
OVERLAP = datetime.timedelta(hours=24)
#: Enough for any tenant: more receivers belong behind one endpoint.
MOST = 20


class UnknownEndpoint(Refused):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("Ce webhook n'existe pas, ou a été supprimé.")


class UnknownDelivery(Refused):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("Cet envoi n'existe pas, ou a été oublié au bout de trente jours.")


class TooMany(Refused):
    code = "too_many_webhooks"

    def __init__(self) -> None:
        super().__init__(f"Un bureau a {MOST} webhooks au plus : supprimez-en un qui ne sert plus.")


class AddressTaken(Refused):
    """Another endpoint has the same URL; also a unique constraint."""

    code = "address_taken"

    def __init__(self) -> None:
        super().__init__("Un webhook conduit déjà à cette adresse : modifiez celui-là.")


class AlreadyRotated(Refused):
    code = "already_rotated"

    def __init__(self) -> None:
        super().__init__("Le secret vient d'être renouvelé : le précédent signe encore, rien de plus n'a changé.")


class UnknownType(Refused):
    code = "unknown_event_type"


class EndpointOff(Refused):
    code = "webhook_disabled"

    def __init__(self) -> None:
        super().__init__("Ce webhook est désactivé : activez-le d'abord.")


class StillPending(Refused):
    code = "delivery_pending"

    def __init__(self) -> None:
        super().__init__("Cet envoi est déjà en attente : il part au prochain essai.")


class Made(NamedTuple):
    """An endpoint and its new secret, which cannot be shown again."""

    endpoint: Endpoint
    secret: str


@transaction.atomic
def add(*, url: str, types: Collection[str], by_id: int | None, at: datetime.datetime) -> Made:
    """Create an endpoint for these event types (empty: all), and return it with its secret.

    Raises `AddressRefused`, `AddressTaken`, `UnknownEventType`, `TooManyEndpoints`.
    """
    addresses.check(url)
    valid_types = _check_types(types)
    if Endpoint.objects.kept().count() >= MOST:
        raise TooMany
    secret = signing.new_secret()
    endpoint = Endpoint(
        url=url, types=valid_types, sealed_secret=signing.sealing.seal(secret), created_at=at, created_by_id=by_id
    )
    _save(endpoint)
    return Made(endpoint, signing.shown(secret))


@transaction.atomic
def change(
    *, endpoint_id: int, url: str | None = None, types: Collection[str] | None = None, is_enabled: bool | None = None
) -> Endpoint:
    """Update the given fields of an endpoint and return it. Enabled or with a new URL, it is drained at once.

    Raises `UnknownEndpoint`, `AddressRefused`, `AddressTaken`, `UnknownEventType`.
    """
    endpoint = locked(endpoint_id)
    must_drain = False
    if url is not None and url != endpoint.url:
        addresses.check(url)
        endpoint.url, must_drain = url, True
    if types is not None:
        endpoint.types = _check_types(types)
    if is_enabled is not None and is_enabled != endpoint.is_enabled:
        endpoint.is_enabled, endpoint.off_because = is_enabled, "" if is_enabled else Off.MANUAL
        must_drain = must_drain or is_enabled
    if must_drain:
        _reset_failures(endpoint)
        queue_drain(endpoint.pk)
    _save(endpoint)
    return endpoint


@transaction.atomic
def rotate(*, endpoint_id: int, at: datetime.datetime, seen: str | None = None) -> Made:
    """Replace the secret of an endpoint and return both; the old one also signs for `OVERLAP`.

    `expected_rotation`: the endpoint's `rotation` that the caller read. Raises `UnknownEndpoint`, and `AlreadyRotated`
    if it changed: a second rotation would drop the secret that receivers still use.
    """
    endpoint = locked(endpoint_id)
    if seen is not None and seen != endpoint.rotation:
        raise AlreadyRotated
    secret = signing.new_secret()
    endpoint.sealed_previous, endpoint.previous_until = endpoint.sealed_secret, at + OVERLAP
    endpoint.sealed_secret = signing.sealing.seal(secret)
    endpoint.save(update_fields=["sealed_previous", "previous_until", "sealed_secret"])
    return Made(endpoint, signing.shown(secret))


@transaction.atomic
def remove(*, endpoint_id: int, at: datetime.datetime) -> Endpoint:
    """Soft-delete an endpoint and fail its pending deliveries. Raises `UnknownEndpoint`."""
    endpoint = locked(endpoint_id)
    endpoint.is_enabled, endpoint.off_because, endpoint.deleted_at = False, Off.DELETED, at
    endpoint.save(update_fields=["is_enabled", "off_because", "deleted_at"])
    endpoint.deliveries.pending().update(
        state=DeliveryState.FAILED, settled_at=at, lease_until=None, reason=answers.REMOVED
    )
    return endpoint


@transaction.atomic
def test(*, endpoint_id: int, at: datetime.datetime) -> Delivery:
    """Queue a `webhook.test` event for this endpoint only. Raises `UnknownEndpoint`, `EndpointDisabled`."""
    endpoint = _enabled(endpoint_id)
    _reset_failures(endpoint)
    endpoint.save()
    event = Happening(EventType.TEST, f"webhook:{endpoint.pk}", {"webhook": endpoint.pk})
    [number] = write(events=[event], who=Listeners({endpoint.pk: frozenset()}, are_read=False), at=at)
    return Delivery.objects.select_related("event").get(event_id=number)


@transaction.atomic
def replay(*, endpoint_id: int, delivery_id: int, at: datetime.datetime) -> Delivery:
    """Queue a delivered or failed delivery again, under the same `webhook-id`, for another retry period.

    Raises `UnknownEndpoint`, `EndpointDisabled`, `UnknownDelivery`, `DeliveryPending`.
    """
    endpoint = _enabled(endpoint_id)
    deliveries = Delivery.objects.select_related("event").select_for_update(of=("self",), no_key=True)
    delivery = deliveries.filter(endpoint=endpoint, pk=delivery_id).first()
    if delivery is None:
        raise UnknownDelivery
    if delivery.state == DeliveryState.PENDING:
        raise StillPending
    _reset_failures(endpoint)
    endpoint.save()
    delivery.state, delivery.settled_at, delivery.reason, delivery.attempts = DeliveryState.PENDING, None, "", 0
    delivery.next_at, delivery.gives_up_at = at, at + TRIED_FOR
    delivery.save()
    queue_drain(endpoint.pk)
    return delivery


@transaction.atomic
def reseal() -> int:
    """Reseal the tenant's webhook secrets under the current key; return the number of endpoints.

    Raises `core.sealing.UnsealError`, having changed nothing, if the settings lack a key.
    """
    kept = list(Endpoint.objects.kept().locked())
    for endpoint in kept:
        endpoint.sealed_secret = signing.sealing.resealed(bytes(endpoint.sealed_secret))
        if endpoint.sealed_previous is not None:
            endpoint.sealed_previous = signing.sealing.resealed(bytes(endpoint.sealed_previous))
    Endpoint.objects.bulk_update(kept, ["sealed_secret", "sealed_previous"])
    return len(kept)


def locked(endpoint_id: int) -> Endpoint:
    """Lock and return an endpoint that is not deleted. Raises `UnknownEndpoint`."""
    endpoint = Endpoint.objects.kept().locked().filter(pk=endpoint_id).first()
    if endpoint is None:
        raise UnknownEndpoint
    return endpoint


def _enabled(endpoint_id: int) -> Endpoint:
    endpoint = locked(endpoint_id)
    if not endpoint.is_enabled:
        raise EndpointOff
    return endpoint


def _reset_failures(endpoint: Endpoint) -> None:
    """Reset the failure count and pause, so that due deliveries are sent at once."""
    endpoint.failures, endpoint.failing_since, endpoint.paused_until = 0, None, None


def _save(endpoint: Endpoint) -> None:
    try:
        with transaction.atomic():
            endpoint.save()
    except IntegrityError as broken:
        if "endpoint_once_an_address" not in str(broken):
            raise
        raise AddressTaken from None


def _check_types(types: Collection[str]) -> list[str]:
    known = [kind.value for kind in SUBSCRIBABLE]
    if unknown := [kind for kind in types if kind not in known]:
        raise UnknownType(f"Ce type d'événement n'existe pas : {unknown[0]}.")
    return [kind for kind in known if kind in types]
