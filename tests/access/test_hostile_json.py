"""JSON that no client of ours sends, at every door that reads JSON: that door's own refusal, never a breakdown."""

import ast
import base64
import hashlib
import hmac
import json
import time
from pathlib import Path

import pytest
from django import forms
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import SuspiciousOperation
from django.test import RequestFactory
from django.urls import URLResolver, get_resolver
from django.utils import timezone
from django.utils.module_loading import import_string
from django_tenants.utils import schema_context

from api.parsers import StrictJsonParser
from core.foreign_values import MAX_DEPTH, UnreadableJson, parse_json, parse_json_object
from licensing.books.billing.transmission.platforms import PlatformSilent, TokenHttp
from licensing.classes import tokens
from mailing import provider_events
from tests.access.routes import OFFICE, PORTAL
from tests.api.client import create_client
from tests.api.routes import API_ROUTES
from tests.api.samples import SAMPLES
from tests.payments.card import fake_stripe
from tests.tiers import sampled

ROOT = Path(__file__).resolve().parent.parent.parent
PROVIDERS = ["brevo", "mailjet"]
PASSWORD = "prestataire:un-secret-2026"

#: What is no JSON that anybody here takes, whatever a door wants.
UNREADABLE = {
    "empty": b"",
    "broken": b'{"event": ',
    "no JSON": b"event=delivered",
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"event": ' * 100_000 + b"1" + b"}" * 100_000,
    "a level too many": b'{"event": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    "latin-1": '{"event": "é"}'.encode("latin-1"),
    "utf-16": '{"event": 1}'.encode("utf-16"),
    "not a number": b'{"event": NaN}',
    "infinite": b'{"event": 1e999}',
    "a number of 5,000 digits": b'{"event": %s}' % (b"9" * 5_000),
    "a number of 65 bits": b'{"event": %d}' % 2**63,
    "a repeated name": b'{"event": 1, "event": 2}',
    "two documents": b"{}{}",
}
#: What is JSON, and nothing for a door that takes an object.
NO_OBJECT = {
    "null": b"null",
    "a number": b"1",
    "true": b"true",
    "a text": b'"event"',
    "a list of lists": b"[[]]",
    "a list of null": b"[null]",
}
#: What a door refuses, or takes by mending it.
UNSTORABLE = {
    "NUL": rb'{"event": "a\u0000b"}',
    "NUL in a name": rb'{"ev\u0000ent": 1}',
    "half a character": rb'{"event": "\ud83d"}',
}
REFUSED = UNREADABLE | NO_OBJECT
ALL = REFUSED | UNSTORABLE

#: Doors for programs, which post without a cookie, that read no JSON: they compare a token of their address.
WITHOUT_JSON = {"letter_stop", "reminder_stop"}


def each(bodies):
    return pytest.mark.parametrize("body", bodies.values(), ids=bodies)


# --- The doors, from the URL configurations ---------------------------------------------------------------------------


def iter_views(resolver):
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from iter_views(pattern)
        else:
            yield pattern.name, pattern.callback


def list_program_doors(urlconf):
    """Return the names and views that take a request without a CSRF token: those for programs."""
    return {name: view for name, view in iter_views(get_resolver(urlconf)) if getattr(view, "csrf_exempt", False)}


def test_every_door_for_programs_is_tried_here():
    """A new one is an API view, whose parser is tried below, or gets its cases."""
    doors = list_program_doors(PORTAL) | list_program_doors(OFFICE)
    api_views = {name: view for name, view in doors.items() if hasattr(view, "cls")}
    assert set(doors) - set(api_views) == WITHOUT_JSON | {"stripe_webhook"}
    assert {name for name, view in api_views.items() if StrictJsonParser not in view.cls.parser_classes} == {"imports"}
    assert "application_entry" in api_views
    assert len(api_views) > 50


@pytest.mark.slow
def test_nothing_else_reads_foreign_json():
    """`json.loads`, an answer's `json()` and Django's field have no bounds."""
    allowed = {
        "platform/core/foreign_values.py",  # the reader itself
        "platform/core/bounded_process.py", "platform/core/bounded_process_server.py",  # between our own processes
        "platform/config/database.py",  # a file of the embedded server's
        "licensing/books/bank/formats.py",  # what that child read, as it answers it
        "imports/rows.py", "licensing/books/accounting/entries.py", "licensing/payments/models.py",  # our own rows
        "sites/demo/year/world.py",
        "schools/outlines.py",  # in a child with limits of its own, 100 MB that shrink while they are read
    }  # fmt: skip
    found = set()
    for area in ("platform", "schools", "collectivities", "licensing", "imports", "sites", "tenants"):
        for path in (ROOT / area).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and (
                    (node.attr in ("loads", "load") and getattr(node.value, "id", "") == "json")
                    or (node.attr == "JSONField" and getattr(node.value, "id", "") in ("forms", "serializers"))
                ):
                    found.add(str(path.relative_to(ROOT)))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "json":
                    found.add(str(path.relative_to(ROOT)))
    assert found == allowed


def test_no_form_of_allauth_reads_json_by_django_s_field():
    for name in [*django_settings.MFA_FORMS.values(), *django_settings.ACCOUNT_FORMS.values()]:
        assert not [one for one in import_string(name).base_fields.values() if isinstance(one, forms.JSONField)], name


# --- The reader -------------------------------------------------------------------------------------------------------


@each(UNREADABLE | UNSTORABLE)
def test_the_reader_refuses_what_is_no_json_that_we_store(body):
    with pytest.raises(UnreadableJson) as refusal:
        parse_json(body, max_bytes=4_000_000)
    assert "event" not in str(refusal.value)


@each(NO_OBJECT)
def test_the_reader_of_objects_takes_no_other(body):
    parse_json(body, max_bytes=100)
    with pytest.raises(UnreadableJson):
        parse_json_object(body, max_bytes=100)


def test_the_reader_takes_what_a_column_holds():
    body = {"a": [2**63 - 1, -(2**63), 1.5, "é😀", None, True], "b": {"\\u0000": "\\ud83d"}}
    for raw in (json.dumps(body).encode(), json.dumps(body, ensure_ascii=False).encode()):
        assert parse_json(raw, max_bytes=len(raw)) == body
        with pytest.raises(UnreadableJson):
            parse_json(raw, max_bytes=len(raw) - 1)
    assert parse_json(rb'{"a\u0000": ["\ud83d", 1]}', max_bytes=100, mends_texts=True) == {"a\ufffd": ["\ufffd", 1]}


# --- The APIs ---------------------------------------------------------------------------------------------------------


@each(ALL)
def test_the_application_s_door(portal, db, body):
    secret = tokens.create(name="Application", by=None, at=timezone.now()).secret
    answer = portal.post(
        "/api/application/v1/entry",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 400
    assert answer.json()["code"] in ("parse_error", "invalid_request")
    assert answer.json()["detail"]


JSON_ROUTES = [
    route
    for route in API_ROUTES
    if route.method in ("POST", "PUT", "PATCH") and StrictJsonParser in route.view.parser_classes
]


@pytest.mark.parametrize("route", sampled(JSON_ROUTES, fast=1), ids=str)
def test_each_door_of_the_offices_api(nimes, route):
    api = create_client()
    path = route.path(SAMPLES[route.name]() if route.arguments else None)
    for name, body in ALL.items():
        if not body:
            continue  # several take no body at all
        answer = api.request(route.method, path, body)
        assert answer.status_code == 400, name
        assert answer.json()["code"] in ("parse_error", "invalid_request"), name


# --- The providers of e-mail ------------------------------------------------------------------------------------------


@pytest.fixture(params=PROVIDERS)
def post_event(request, nimes, settings):
    """Post a body to a provider's door with its password; return the status, 400 for what Django answers so."""
    settings.ANYMAIL = {"WEBHOOK_SECRET": PASSWORD}
    provider_events.connect()
    view = provider_events.build_tracking_path(request.param).callback

    def send(body):
        shown = {"Authorization": f"Basic {base64.b64encode(PASSWORD.encode()).decode()}"}
        asked = RequestFactory().post("/webhooks/mail/", body, content_type="application/json", headers=shown)
        asked.user = AnonymousUser()
        with schema_context("public"):
            try:
                return view(asked).status_code
            except SuspiciousOperation:
                return 400

    yield send
    from anymail.signals import tracking  # noqa: PLC0415 - an optional dependency

    tracking.disconnect(dispatch_uid="mailing.provider_events")


@each(REFUSED)
def test_a_mail_provider_s_door_refuses(post_event, body):
    assert post_event(body) == 400


def test_a_mail_provider_s_door_takes_what_is_of_no_use(post_event):
    """An answer of 400 would have the provider send it again and again."""
    odd = (b'{"event": "of tomorrow"}', b'{"event": "delivered", "items": []}', rb'{"event": "a\u0000", "b\ud83d": 1}')
    for body in (b"[]", *odd):
        assert post_event(body) == 200, body


#: What stands where a name of an event has a text or a number.
ODD_VALUES = [None, [], {}, [[]], "x", -1, 1e300, 2**62, True, "[" * 100_000, "[]", "null", '"x"', '{"message": [1]}']


@pytest.mark.parametrize("event", ["hard_bounce", "bounce", "delivered", "sent"])
def test_odd_values_in_an_event_are_no_breakdown(post_event, event):
    names = (
        "event", "ts_epoch", "time", "tags", "tag", "X-Mailin-custom", "Payload", "message-id", "MessageID", "email",
        "reason", "error", "smtp_reply", "hard_bounce",
    )  # fmt: skip
    for name in names:
        for odd in ODD_VALUES:
            assert post_event(json.dumps({"event": event} | {name: odd}).encode()) in (200, 400), (name, odd)


# --- The provider of cards --------------------------------------------------------------------------------------------


def post_signed(portal, body):
    moment = int(time.time())
    mark = hmac.new(fake_stripe.WEBHOOK_SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return portal.post(
        "/webhooks/stripe/",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": f"t={moment},v1={mark}"},
    ).status_code


@pytest.fixture
def stripe_settings(settings, monkeypatch):
    from payments import core  # noqa: PLC0415 - reads the settings

    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = fake_stripe.SECRET_KEY, fake_stripe.WEBHOOK_SECRET
    settings.CARD_VARIANT = "stripe"
    settings.PAYMENT_VARIANTS = {"stripe": ("licensing.payments.stripe_checkout.StripeCheckout", {})}
    monkeypatch.setattr(core, "PROVIDER_CACHE", {})


NO_EVENTS = {
    "an empty object": b"{}",
    "no type": b'{"id": "evt_1", "object": "event"}',
    "no data": b'{"id": "evt_1", "object": "event", "type": "charge.refunded"}',
    "data of null": b'{"id": "evt_1", "object": "event", "type": "charge.refunded", "data": null}',
    "a list as data": b'{"id": "evt_1", "object": "event", "type": "charge.refunded", "data": {"object": []}}',
    "a list as type": b'{"id": "evt_1", "object": "event", "type": [], "data": {"object": {}}}',
}


@each(ALL | NO_EVENTS)
def test_a_signed_body_that_is_no_event_of_stripe_is_refused(portal, db, stripe_settings, body):
    assert post_signed(portal, body) == 400


# --- Passkeys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/connexion/cle-acces/"])
def test_the_page_that_signs_in_by_passkey_refuses(portal, db, page):
    portal.get(page, headers={"Accept": "application/json"})
    inner = base64.urlsafe_b64encode(b"[" * 20_000).decode()
    credential = {"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": inner}}
    for name, body in (ALL | {"deep within": json.dumps(credential).encode()}).items():
        answer = portal.post(page, {"credential": body.decode("latin-1")})
        if b"\x00" in body:
            assert answer.status_code == 400, name  # no page takes that
        else:
            assert answer.status_code == 302, name
            assert answer["Location"].startswith("/connexion/"), name


# --- The platforms of invoices ----------------------------------------------------------------------------------------


@pytest.fixture
def http():
    return TokenHttp(
        name="The platform", token_url="http://127.0.0.1:1/", grant={}, silent="Rien.", not_admitted="Non."
    )


class StoredAnswer:
    ok, status_code = True, 200

    def __init__(self, content):
        self.content = content


@each(REFUSED)
def test_an_answer_of_a_platform_that_is_no_object_is_silence(http, body):
    with pytest.raises(PlatformSilent):
        http.read_object(StoredAnswer(body))


@pytest.mark.parametrize("lifetime", ["demain", [], {}, None, "-"])
def test_a_platform_that_says_oddly_how_long_its_token_lasts_is_heard(http, monkeypatch, lifetime):
    answer = StoredAnswer(json.dumps({"access_token": "jeton", "expires_in": lifetime}).encode())
    monkeypatch.setattr(http, "_send", lambda *_, **__: answer)
    assert http._get_token() == "jeton"  # noqa: SLF001 - what every call asks first
