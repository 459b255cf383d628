"""Signatures follow Standard Webhooks, as verified by its own library."""

import base64
import datetime

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context
from standardwebhooks import Webhook, WebhookVerificationError

from tests.database_roles import execute_as_administrator
from tests.webhooks.events import FakeClock, deliver_due, emit_events, make_issued_event
from webhooks import endpoints, leases
from webhooks.models import Delivery, WebhookEndpoint


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
    emit_events(make_issued_event(1), at=happened_at)
    deliver_due(made.endpoint)
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


def test_a_receiver_can_tell_what_is_sent_to_it_again(made, receiver):
    """A signature names its event and its moment: five minutes later it is refused, and sooner the event is known."""
    clock = FakeClock()
    clock.advance(minutes=-6)
    emit_events(make_issued_event(1), at=clock())
    deliver_due(made.endpoint, clock)
    [old] = receiver.received
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(made.secret).verify(old.body, old.headers)
    fresh = {"webhook-timestamp": str(int(timezone.now().timestamp()))}
    for forged in (fresh, fresh | {"webhook-id": "evt_autre"}):
        with pytest.raises(WebhookVerificationError, match="No matching"):
            Webhook(made.secret).verify(old.body, old.headers | forged)
    # Sent again by us, it has another moment and the same name.
    endpoints.replay(delivery_id=Delivery.objects.get().pk, endpoint_id=made.endpoint.pk, at=timezone.now())
    deliver_due(made.endpoint)
    assert accepts(made.secret, receiver.received[1])
    assert receiver.received[1].id == old.id


def test_the_secret_is_stored_sealed(made):
    stored = bytes(WebhookEndpoint.objects.get().sealed_secret)
    assert made.secret.encode() not in stored
    assert endpoints.sealer.unseal(stored) not in stored


@pytest.mark.slow
def test_both_secrets_sign_for_a_day_after_a_rotation(made, receiver):
    new = endpoints.rotate_secret(endpoint_id=made.endpoint.pk, at=timezone.now())
    assert new.secret != made.secret
    emit_events(make_issued_event(1))
    deliver_due(made.endpoint)
    assert accepts(made.secret, receiver.received[0])
    assert accepts(new.secret, receiver.received[0])
    WebhookEndpoint.objects.update(previous_until=timezone.now())
    emit_events(make_issued_event(2))
    deliver_due(made.endpoint)
    assert accepts(made.secret, receiver.received[1]) is None
    assert accepts(new.secret, receiver.received[1])


@pytest.mark.slow
def test_secrets_are_resealed_with_the_new_key(made, receiver, settings):
    endpoints.rotate_secret(endpoint_id=made.endpoint.pk, at=timezone.now())
    new = "2:" + base64.b64encode(bytes(range(64))).decode()
    old, settings.SEALING_KEYS = settings.SEALING_KEYS, [new, *settings.SEALING_KEYS]
    call_command("reseal_keys", verbosity=0)
    settings.SEALING_KEYS = [new]
    emit_events(make_issued_event(1))
    deliver_due(made.endpoint)
    assert accepts(made.secret, receiver.received[0])
    settings.SEALING_KEYS = old
    with pytest.raises(CommandError, match="webhooks de Ville de Nîmes"):
        call_command("reseal_keys", verbosity=0)


def test_a_collectivity_that_cannot_be_read_is_named_and_the_others_are_resealed(nimes, gard, receiver, settings):
    with tenant_context(gard):
        endpoints.add(url=receiver.url, types=[], by_id=None, at=timezone.now())
    settings.SEALING_KEYS = ["2:" + base64.b64encode(bytes(range(64))).decode(), *settings.SEALING_KEYS]
    with schema_context("public"):
        execute_as_administrator("ALTER TABLE c_nimes.webhooks_webhookendpoint RENAME TO kept")
        with pytest.raises(CommandError, match=r"Gardez l'ancienne clé(.|\n)*  nimes : ") as refusal:
            call_command("reseal_keys", verbosity=0)
    assert "gard" not in str(refusal.value)
    settings.SEALING_KEYS = settings.SEALING_KEYS[:1]
    with tenant_context(gard):
        assert endpoints.reseal() == 1


@pytest.mark.slow
def test_an_unreadable_secret_loses_no_delivery(made, receiver):
    WebhookEndpoint.objects.update(sealed_secret=b"perdu")
    emit_events(make_issued_event(1))
    assert deliver_due(made.endpoint) == 0
    assert Delivery.objects.get().reason == leases.UNSEAL_FAILED
    new = endpoints.rotate_secret(endpoint_id=made.endpoint.pk, at=timezone.now())
    WebhookEndpoint.objects.update(sealed_previous=None, previous_until=None)
    clock = FakeClock()
    clock.advance(seconds=6)
    deliver_due(made.endpoint, clock)
    assert accepts(new.secret, receiver.received[0])
