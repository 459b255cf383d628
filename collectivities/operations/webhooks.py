"""The webhooks of the office: what is done with them is written in the journal.

The journal names the server alone: the rest of an address may hold a secret of the receiver's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.db import transaction

from collectivities import audit
from webhooks import endpoints
from webhooks.endpoints import Made

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from accounts.models import User
    from webhooks.models import Delivery, Endpoint

__all__ = [
    "Made",
    "add_webhook",
    "change_webhook",
    "remove_webhook",
    "replay_delivery",
    "rotate_webhook_secret",
    "test_webhook",
]


@transaction.atomic
def add_webhook(*, url: str, types: Collection[str], by: User | None, at: datetime.datetime) -> Made:
    """Have an address told of these types of events (none: all), and return the webhook with its secret.

    Raises `AddressRefused`, `AddressTaken`, `UnknownType`, `TooMany`.
    """
    made = endpoints.add(url=url, types=types, by_id=by.pk if by else None, at=at)
    _record("added", made.endpoint, "ajouté", by=by, at=at)
    return made


@transaction.atomic
def change_webhook(
    *,
    webhook_id: int,
    url: str | None = None,
    types: Collection[str] | None = None,
    is_enabled: bool | None = None,
    by: User | None,
    at: datetime.datetime,
) -> Endpoint:
    """Change what is given of a webhook, and return it. What is so already is no change.

    Raises `UnknownEndpoint`, `AddressRefused`, `AddressTaken`, `UnknownType`.
    """
    before = endpoints.locked(webhook_id)
    after = endpoints.change(endpoint_id=webhook_id, url=url, types=types, is_enabled=is_enabled)
    said = [
        words
        for words, is_changed in (
            (f"conduit désormais vers {_server(after.url)}", after.url != before.url),
            ("ses événements ont changé", after.types != before.types),
            ("activé" if after.is_enabled else "désactivé", after.is_enabled != before.is_enabled),
        )
        if is_changed
    ]
    if said:
        _record("changed", before, ", ".join(said), by=by, at=at)
    return after


@transaction.atomic
def rotate_webhook_secret(*, webhook_id: int, by: User | None, at: datetime.datetime, seen: str | None = None) -> Made:
    """Give a webhook a new secret, and return both; the old one signs as well for a day.

    `seen`: its `rotation` as whoever asks saw it. Raises `UnknownEndpoint`, `AlreadyRotated`.
    """
    made = endpoints.rotate(endpoint_id=webhook_id, at=at, seen=seen)
    _record("rotated", made.endpoint, "secret renouvelé", by=by, at=at)
    return made


@transaction.atomic
def remove_webhook(*, webhook_id: int, by: User | None, at: datetime.datetime) -> None:
    """Delete a webhook: nothing more is sent. What was sent is kept its thirty days. Raises `UnknownEndpoint`."""
    _record("removed", endpoints.remove(endpoint_id=webhook_id, at=at), "supprimé", by=by, at=at)


@transaction.atomic
def test_webhook(*, webhook_id: int, by: User | None, at: datetime.datetime) -> Delivery:
    """Send a test, and return its delivery. Raises `UnknownEndpoint`, `EndpointOff`."""
    delivery = endpoints.test(endpoint_id=webhook_id, at=at)
    _record("tested", delivery.endpoint, "essai envoyé", by=by, at=at)
    return delivery


@transaction.atomic
def replay_delivery(*, webhook_id: int, delivery_id: int, by: User | None, at: datetime.datetime) -> Delivery:
    """Send a delivery once more, and return it.

    Raises `UnknownEndpoint`, `EndpointOff`, `UnknownDelivery`, `StillPending`.
    """
    delivery = endpoints.replay(endpoint_id=webhook_id, delivery_id=delivery_id, at=at)
    _record("replayed", delivery.endpoint, f"envoi n° {delivery.pk} rejoué", by=by, at=at)
    return delivery


def _record(action: str, endpoint: Endpoint, said: str, *, by: User | None, at: datetime.datetime) -> None:
    audit.record(
        action=f"webhooks.{action}",
        by=by,
        at=at,
        object_type="webhook",
        object_id=endpoint.pk,
        summary=f"Webhook vers {_server(endpoint.url)} : {said}.",
    )


def _server(url: str) -> str:
    return urlsplit(url).hostname or url
