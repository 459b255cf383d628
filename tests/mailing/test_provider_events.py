"""Events of a provider, by django-anymail's own view: the same as a server's report."""

import base64
import json
from typing import Any

import pytest
from anymail.signals import tracking
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.mail import mailers
from django.test import RequestFactory
from django_tenants.utils import schema_context

from bounces.models import RefusedAddress
from config import mail
from jobs.models import SetAsideItem
from mailing import delivery_reports, provider_events
from mailing.dispatch import drain
from mailing.mime import build_message_id, compose
from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.mailing.note import render_note
from web.access import get_policy

WEBHOOK_PASSWORD = "prestataire:un-secret-2026"


@pytest.fixture
def post_body(settings):
    """Post events as Brevo does; return the status."""
    settings.ANYMAIL = {"WEBHOOK_SECRET": WEBHOOK_PASSWORD}
    provider_events.connect()
    view = provider_events.build_tracking_path("brevo").callback

    def send(body, *, password=WEBHOOK_PASSWORD):
        request = RequestFactory().post(
            "/webhooks/mail/brevo/",
            json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Basic {base64.b64encode(password.encode()).decode()}"},
        )
        with schema_context("c_nimes"):
            return view(request).status_code

    yield send
    tracking.disconnect(dispatch_uid="mailing.provider_events")


@pytest.fixture
def post(post_body):
    """Post an event about a message; return the status."""

    def send(event, message, *, password=WEBHOOK_PASSWORD, **fields):
        return post_body(build_event(event, message, **fields), password=password)

    return send


def build_event(event, message, **fields):
    return {
        "event": event,
        "email": message.recipient,
        "ts_epoch": 1795510805000,
        "message-id": "<brevo.123@smtp-relay.example>",
        "X-Mailin-custom": json.dumps({"message": build_message_id(message)}),
        **fields,
    }


@pytest.fixture
def sent(nimes, sink, queue):
    queue(1)
    drain()
    return Message.objects.get()


@pytest.mark.parametrize(
    ("event", "reason", "expected"),
    [
        ("delivered", "", (MessageState.DELIVERED, False)),
        ("deferred", "450 4.2.2 Over quota", (MessageState.SENT, False)),
        ("hard_bounce", "550 5.1.1 User unknown", (MessageState.BOUNCED, True)),
        ("soft_bounce", "552 5.2.2 Over quota", (MessageState.BOUNCED, False)),
        ("invalid_email", "", (MessageState.BOUNCED, True)),
        ("opened", "", (MessageState.SENT, False)),
    ],
)
def test_an_event_is_recorded_as_a_report_is(post, sent, event, reason, expected):
    for _ in range(2):
        assert post(event, sent, **({"reason": reason} if reason else {})) == 200
    sent.refresh_from_db()
    assert (sent.state, RefusedAddress.objects.exists()) == expected
    assert (sent.reported_at is not None) == (event != "opened")


def test_an_event_without_the_password_or_of_another_message_changes_nothing(post, sent):
    with pytest.raises(SuspiciousOperation):
        post("hard_bounce", sent, password="prestataire:faux", reason="550 5.1.1 User unknown")
    forged = {"X-Mailin-custom": json.dumps({"message": build_message_id(sent).replace(f".{sent.pk}.", ".999.")})}
    assert post("hard_bounce", sent, reason="550 5.1.1 User unknown", **forged) == 200
    sent.refresh_from_db()
    assert sent.state == MessageState.SENT


@pytest.mark.slow
def test_an_event_that_cannot_be_recorded_is_set_aside_and_the_next_is_recorded(post, sent, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(delivery_reports, "_apply", lambda *_: 1 / 0)
        for _ in range(2):
            assert post("hard_bounce", sent, reason="550 5.1.1 User unknown") == 200
    item = SetAsideItem.objects.get()
    assert (item.source, item.reference) == ("Prestataire d'envoi des e-mails", "<brevo.123@smtp-relay.example>")
    sent.refresh_from_db()
    assert sent.state == MessageState.SENT
    assert post("hard_bounce", sent, reason="550 5.1.1 User unknown") == 200
    sent.refresh_from_db()
    assert sent.state == MessageState.BOUNCED


@pytest.mark.parametrize(
    ("unreadable", "reference"),
    [
        ({"event": "delivered", "ts_epoch": "demain", "message-id": "<brevo.7@smtp-relay.example>"}, "<brevo.7@"),
        ({"event": "delivered", "ts_epoch": []}, "sans numéro de message ("),
        (None, "sans numéro de message ("),
    ],
)
def test_an_event_that_cannot_be_read_is_set_aside_once_and_the_one_beside_it_is_recorded(
    post_body, sent, unreadable, reference
):
    honest = build_event("hard_bounce", sent, reason="550 5.1.1 User unknown")
    for _ in range(2):
        assert post_body([unreadable, honest]) == 200
    sent.refresh_from_db()
    assert sent.state == MessageState.BOUNCED
    item = SetAsideItem.objects.get()
    assert item.source == "Prestataire d'envoi des e-mails"
    assert item.reference.startswith(reference)
    assert "se lit chez le prestataire" in item.reason
    # Brevo posts one at a time: it is told once, and not sent for days.
    if unreadable is not None:
        assert post_body(unreadable) == 200
        assert SetAsideItem.objects.count() == 1


def test_a_text_that_postgresql_does_not_store_is_cleaned(post, sent):
    assert post("deferred", sent, reason="450 4.2.2 \0Over\ud800 quota" + "!" * 9000) == 200
    sent.refresh_from_db()
    assert sent.server_answer.startswith("450 4.2.2 \ufffdOver\ufffd quota!!")
    assert len(sent.server_answer) <= 300
    assert not SetAsideItem.objects.exists()


def test_the_address_of_events_is_public_and_no_other_is_there(post):
    assert get_policy(provider_events.build_tracking_path("mailjet").callback) is not None


def test_a_provider_s_own_interface_is_given_the_message(nimes, settings, monkeypatch):
    monkeypatch.setenv("MAIL_PROVIDER", "brevo")
    monkeypatch.setenv("MAIL_PROVIDER_KEY", "clef")
    monkeypatch.setenv("MAIL_PROVIDER_WEBHOOK_SECRET", WEBHOOK_PASSWORD)
    provider = mail.read_provider()
    settings.ANYMAIL, settings.MAILERS = (
        mail.build_anymail(provider),
        {"default": mail.build_mailer(provider)},
    )
    message = Message(pk=12, kind="note", recipient="a@exemple.example", created_at=TERM, due_at=TERM)
    backend: Any = mailers.default
    assert backend.esp_name == "Brevo"
    payload = backend.build_message_payload(compose(message, render_note(message), at=TERM), {}).data
    assert json.loads(payload["headers"]["X-Mailin-custom"]) == {"message": build_message_id(message)}


def test_what_a_provider_needs_is_asked_for_at_the_start(monkeypatch):
    monkeypatch.setenv("MAIL_PROVIDER", "pigeon")
    with pytest.raises(ImproperlyConfigured, match="brevo, mailjet"):
        mail.read_provider()
    with pytest.raises(ImproperlyConfigured, match="MAIL_PROVIDER_KEY"):
        mail.build_anymail("mailjet")
