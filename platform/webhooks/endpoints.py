"""What is done with endpoints: to add, to change, to renew a secret, to remove, to try; and to replay a delivery.

The office's operations call these, and write the journal.
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

#: For which the secret before the last one signs as well.
OVERLAP = datetime.timedelta(hours=24)
#: Beyond it, somebody means one endpoint and several receivers behind it.
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
    """The database holds it as well."""

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
    """An endpoint, and its secret, which nobody can be shown again."""

    endpoint: Endpoint
    secret: str


@transaction.atomic
def add(*, url: str, types: Collection[str], by_id: int | None, at: datetime.datetime) -> Made:
    """Have an address told of these types of events (none: all of them), and return it with its secret.

    Raises `AddressRefused`, `AddressTaken`, `UnknownType`, `TooMany`.
    """
    addresses.check(url)
    chosen = _types(types)
    if Endpoint.objects.kept().count() >= MOST:
        raise TooMany
    secret = signing.new_secret()
    endpoint = Endpoint(
        url=url, types=chosen, sealed_secret=signing.sealing.seal(secret), created_at=at, created_by_id=by_id
    )
    _save(endpoint)
    return Made(endpoint, signing.shown(secret))


@transaction.atomic
def change(
    *, endpoint_id: int, url: str | None = None, types: Collection[str] | None = None, is_enabled: bool | None = None
) -> Endpoint:
    """Change what is given of an endpoint, and return it. Switched on or led elsewhere, it is told at once what waits.

    Raises `UnknownEndpoint`, `AddressRefused`, `AddressTaken`, `UnknownType`.
    """
    endpoint = locked(endpoint_id)
    wakes = False
    if url is not None and url != endpoint.url:
        addresses.check(url)
        endpoint.url, wakes = url, True
    if types is not None:
        endpoint.types = _types(types)
    if is_enabled is not None and is_enabled != endpoint.is_enabled:
        endpoint.is_enabled, endpoint.off_because = is_enabled, "" if is_enabled else Off.MANUAL
        wakes = wakes or is_enabled
    if wakes:
        _forgive(endpoint)
        queue_drain(endpoint.pk)
    _save(endpoint)
    return endpoint


@transaction.atomic
def rotate(*, endpoint_id: int, at: datetime.datetime, seen: str | None = None) -> Made:
    """Give an endpoint a new secret, and return both; the old one signs as well for a day.

    `seen`: its `rotation` as whoever asks saw it. Raises `UnknownEndpoint`, and `AlreadyRotated` where it is another by
    now: asked twice, the secret that receivers know would sign no more.
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
    """Tell an endpoint nothing more, and hide it; what was sent is kept its thirty days. Raises `UnknownEndpoint`."""
    endpoint = locked(endpoint_id)
    endpoint.is_enabled, endpoint.off_because, endpoint.deleted_at = False, Off.DELETED, at
    endpoint.save(update_fields=["is_enabled", "off_because", "deleted_at"])
    endpoint.deliveries.pending().update(
        state=DeliveryState.FAILED, settled_at=at, lease_until=None, reason=answers.REMOVED
    )
    return endpoint


@transaction.atomic
def test(*, endpoint_id: int, at: datetime.datetime) -> Delivery:
    """Send a `webhook.test` to the endpoint alone, whatever it asks for. Raises `UnknownEndpoint`, `EndpointOff`."""
    endpoint = _enabled(endpoint_id)
    _forgive(endpoint)
    endpoint.save()
    event = Happening(EventType.TEST, f"webhook:{endpoint.pk}", {"webhook": endpoint.pk})
    [number] = write(events=[event], who=Listeners({endpoint.pk: frozenset()}, are_read=False), at=at)
    return Delivery.objects.select_related("event").get(event_id=number)


@transaction.atomic
def replay(*, endpoint_id: int, delivery_id: int, at: datetime.datetime) -> Delivery:
    """Send once more what was delivered or given up, under the same `webhook-id`; three more days are given to it.

    Raises `UnknownEndpoint`, `EndpointOff`, `UnknownDelivery`, `StillPending`.
    """
    endpoint = _enabled(endpoint_id)
    found = Delivery.objects.select_related("event").select_for_update(of=("self",), no_key=True)
    delivery = found.filter(endpoint=endpoint, pk=delivery_id).first()
    if delivery is None:
        raise UnknownDelivery
    if delivery.state == DeliveryState.PENDING:
        raise StillPending
    _forgive(endpoint)
    endpoint.save()
    delivery.state, delivery.settled_at, delivery.reason, delivery.attempts = DeliveryState.PENDING, None, "", 0
    delivery.next_at, delivery.gives_up_at = at, at + TRIED_FOR
    delivery.save()
    queue_drain(endpoint.pk)
    return delivery


@transaction.atomic
def reseal() -> int:
    """Seal this collectivity's secrets under the current key, and return of how many endpoints.

    Raises `web.sealing.Unsealable`, having changed nothing, where the settings lack a key.
    """
    kept = list(Endpoint.objects.kept().locked())
    for endpoint in kept:
        endpoint.sealed_secret = signing.sealing.resealed(bytes(endpoint.sealed_secret))
        if endpoint.sealed_previous is not None:
            endpoint.sealed_previous = signing.sealing.resealed(bytes(endpoint.sealed_previous))
    Endpoint.objects.bulk_update(kept, ["sealed_secret", "sealed_previous"])
    return len(kept)


def locked(endpoint_id: int) -> Endpoint:
    """Lock an endpoint that nobody deleted, and return it. Raises `UnknownEndpoint`."""
    endpoint = Endpoint.objects.kept().locked().filter(pk=endpoint_id).first()
    if endpoint is None:
        raise UnknownEndpoint
    return endpoint


def _enabled(endpoint_id: int) -> Endpoint:
    endpoint = locked(endpoint_id)
    if not endpoint.is_enabled:
        raise EndpointOff
    return endpoint


def _forgive(endpoint: Endpoint) -> None:
    """Hold nothing against the endpoint any more: it is told at once what is due."""
    endpoint.failures, endpoint.failing_since, endpoint.paused_until = 0, None, None


def _save(endpoint: Endpoint) -> None:
    try:
        with transaction.atomic():
            endpoint.save()
    except IntegrityError as broken:
        if "endpoint_once_an_address" not in str(broken):
            raise
        raise AddressTaken from None


def _types(types: Collection[str]) -> list[str]:
    known = [kind.value for kind in SUBSCRIBABLE]
    if unknown := [kind for kind in types if kind not in known]:
        raise UnknownType(f"Ce type d'événement n'existe pas : {unknown[0]}.")
    return [kind for kind in known if kind in types]
