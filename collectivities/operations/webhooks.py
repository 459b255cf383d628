"""Operations on the office's webhooks, each written to the audit log.

The audit log holds the host name only: the rest of a URL may contain a secret of the receiver.
"""

import datetime
from collections.abc import Collection
from urllib.parse import urlsplit

from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from webhooks import endpoints
from webhooks.endpoints import NewEndpoint
from webhooks.models import Delivery, WebhookEndpoint


@transaction.atomic
def add_webhook(*, url: str, types: Collection[str], by: User | None, at: datetime.datetime) -> NewEndpoint:
    """Add a webhook for these types of events (none: all), and return it with its secret.

    Raises `Refusal`.
    """
    created = endpoints.add(url=url, types=types, by_id=by.pk if by else None, at=at)
    _record("created", created.endpoint, "ajouté", by=by, at=at)
    return created


@transaction.atomic
def change_webhook(
    *,
    webhook_id: int,
    url: str | None = None,
    types: Collection[str] | None = None,
    is_enabled: bool | None = None,
    by: User | None,
    at: datetime.datetime,
) -> WebhookEndpoint:
    """Change the given fields of a webhook and return it. Nothing is logged where no value differs.

    Raises `UnknownEndpoint`, `Refusal`.
    """
    before = endpoints.get_locked(webhook_id)
    after = endpoints.update(endpoint_id=webhook_id, url=url, types=types, is_enabled=is_enabled)
    changes = [
        label
        for label, is_changed in (
            (f"conduit désormais vers {_host(after.url)}", after.url != before.url),
            ("ses événements ont changé", after.types != before.types),
            ("activé" if after.is_enabled else "désactivé", after.is_enabled != before.is_enabled),
        )
        if is_changed
    ]
    if changes:
        _record("updated", before, ", ".join(changes), by=by, at=at)
    return after


@transaction.atomic
def rotate_webhook_secret(
    *, webhook_id: int, by: User | None, at: datetime.datetime, current_rotation: str | None = None
) -> NewEndpoint:
    """Rotate a webhook's secret and return webhook and secret; the old one also signs for 24 hours.

    `current_rotation`: the `rotation` that the page showed, against double submission. Raises `UnknownEndpoint`,
    `Refusal`.
    """
    created = endpoints.rotate_secret(endpoint_id=webhook_id, at=at, expected_rotation=current_rotation)
    _record("rotated", created.endpoint, "secret renouvelé", by=by, at=at)
    return created


@transaction.atomic
def remove_webhook(*, webhook_id: int, by: User | None, at: datetime.datetime) -> None:
    """Delete a webhook and cancel its pending deliveries; past ones are kept thirty days. Raises `UnknownEndpoint`."""
    _record("deleted", endpoints.remove(endpoint_id=webhook_id, at=at), "supprimé", by=by, at=at)


@transaction.atomic
def test_webhook(*, webhook_id: int, by: User | None, at: datetime.datetime) -> Delivery:
    """Queue a test event and return its delivery. Raises `UnknownEndpoint`, `Refusal`."""
    delivery = endpoints.send_test(endpoint_id=webhook_id, at=at)
    _record("tested", delivery.endpoint, "essai envoyé", by=by, at=at)
    return delivery


@transaction.atomic
def replay_delivery(*, webhook_id: int, delivery_id: int, by: User | None, at: datetime.datetime) -> Delivery:
    """Queue a delivery again and return it.

    Raises `UnknownEndpoint`, `Refusal`.
    """
    delivery = endpoints.replay(endpoint_id=webhook_id, delivery_id=delivery_id, at=at)
    _record("replayed", delivery.endpoint, f"envoi n° {delivery.pk} rejoué", by=by, at=at)
    return delivery


def _record(action: str, endpoint: WebhookEndpoint, details: str, *, by: User | None, at: datetime.datetime) -> None:
    audit_log.record(
        action=f"webhooks.{action}",
        by=by,
        at=at,
        object_type="webhook",
        object_id=endpoint.pk,
        summary=f"Webhook vers {_host(endpoint.url)} : {details}.",
    )


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
