"""Signatures follow Standard Webhooks, as verified by its own library."""

from __future__ import annotations

import base64
import datetime

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from tests.webhooks.happenings import Clock, happen, issued, told
from webhooks import answers, endpoints, signing
from webhooks.models import Delivery, Endpoint


@pytest.fixture
def made(nimes, receiver):
    return endpoints.add(url=receiver.url, types=[], by_id=None, at=timezone.now())


def accepts(secret, received):
    try:
        return Webhook(secret).verify(received.body, received.headers)
    except WebhookVerificationError:
        return None


def test_signatures_verify_with_the_standard_webhooks_library(made, receiver):
    happened_at = timezone.now()
    happen(issued(1), at=happened_at)
    told(made.endpoint)
    [one] = receiver.received
    assert made.secret.startswith("whsec_")
    content = accepts(made.secret, one)
    assert content["type"] == "allocation.issued"
    assert content["timestamp"].endswith("Z")
    assert datetime.datetime.fromisoformat(content["timestamp"]) == happened_at
    assert one.id.startswith("evt_")
    assert accepts("whsec_" + "A" * 43 + "=", one) is None
    altered = Webhook(made.secret)
    with pytest.raises(WebhookVerificationError):
        altered.verify(one.body.replace(b"issued", b"gone"), one.headers)


def test_the_secret_is_stored_sealed(made):
    stored = bytes(Endpoint.objects.get().sealed_secret)
    assert made.secret.encode() not in stored
    assert signing.sealing.unseal(stored) not in stored


def test_both_secrets_sign_for_a_day_after_a_rotation(made, receiver):
    new = endpoints.rotate(endpoint_id=made.endpoint.pk, at=timezone.now())
    assert new.secret != made.secret
    happen(issued(1))
    told(made.endpoint)
    assert accepts(made.secret, receiver.received[0])
    assert accepts(new.secret, receiver.received[0])
    Endpoint.objects.update(previous_until=timezone.now())
    happen(issued(2))
    told(made.endpoint)
    assert accepts(made.secret, receiver.received[1]) is None
    assert accepts(new.secret, receiver.received[1])


def test_secrets_are_resealed_with_the_new_key(made, receiver, settings):
    endpoints.rotate(endpoint_id=made.endpoint.pk, at=timezone.now())
    new = "2:" + base64.b64encode(bytes(range(64))).decode()
    old, settings.SEALING_KEYS = settings.SEALING_KEYS, [new, *settings.SEALING_KEYS]
    call_command("reseal_keys", verbosity=0)
    settings.SEALING_KEYS = [new]
    happen(issued(1))
    told(made.endpoint)
    assert accepts(made.secret, receiver.received[0])
    settings.SEALING_KEYS = old
    with pytest.raises(CommandError, match="webhooks de Ville de Nîmes"):
        call_command("reseal_keys", verbosity=0)


def test_an_unreadable_secret_loses_no_delivery(made, receiver):
    Endpoint.objects.update(sealed_secret=b"perdu")
    happen(issued(1))
    assert told(made.endpoint) == 0
    assert Delivery.objects.get().reason == answers.UNSIGNED
    new = endpoints.rotate(endpoint_id=made.endpoint.pk, at=timezone.now())
    Endpoint.objects.update(sealed_previous=None, previous_until=None)
    clock = Clock()
    clock.pass_(seconds=6)
    told(made.endpoint, clock)
    assert accepts(new.secret, receiver.received[0])
