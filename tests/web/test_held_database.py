"""While somebody holds a table: each door says after one limit of a statement that it cannot answer, and does nothing.

Which tables a door needs is what it asks for while nobody holds one: each of them is held alone, so that each statement
is once the one that waits.
"""

import base64
import contextlib
import datetime
import functools
import json
import re
import uuid

import pytest
from anymail.signals import tracking
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import schema_context

from core.database_access import apply_timeouts
from licensing.classes import tickets, tokens
from mailing import provider_events
from mailing.mime import build_message_id
from mailing.models import Message, MessageState
from sites.health import middleware
from tests.api.client import create_token
from tests.classes.class_rows import create_taught_class
from tests.conftest import PASSWORD
from tests.database_roles import connect_administrator
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import OperatorFactory, PrincipalFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.factories.payments import StartedPaymentFactory
from tests.factories.schools import SchoolFactory
from tests.host_client import HostClient
from tests.jobs.queue_rows import beat
from tests.payments.card import fake_stripe
from tests.payments.card.actions import open_checkout
from tests.payments.card.conftest import stripe  # noqa: F401 - a fixture of another folder
from tests.tiers import sampled

PORTAL, OFFICE = "peps.localhost", "nimes.peps.localhost"
MAIL_PASSWORD, HEALTH_TOKEN = "prestataire:un-secret-2026", "jeton-de-qui-surveille-0123456789"
#: Longer than any statement that waits for nobody.
LIMITS = {"statement_timeout": "150ms"}
PAGE, API, JSON = "text/html; charset=utf-8", "application/problem+json", "application/json"


def open_browser(host, user=None, **headers):
    client = HostClient(host, headers=headers)
    client.raise_request_exception = False
    if user is not None:
        client.force_login(user, confirmed=True)
    return client


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


# --- The doors: each prepares what it needs in Nîmes, and returns the request -----------------------------------------


def open_home(_):
    return functools.partial(open_browser(PORTAL).get, "/")


def open_account(_):
    return functools.partial(open_browser(PORTAL, SchoolScenario().principal).get, "/mon-compte/")


def open_office(_):
    return functools.partial(open_browser(OFFICE, MemberFactory().user).get, "/")


def open_back_office(_):
    return functools.partial(open_browser(PORTAL, OperatorFactory(is_superuser=True)).get, "/admin/")


def sign_in(request):
    user = request.getfixturevalue("can_sign_in")(PrincipalFactory())
    return functools.partial(open_browser(PORTAL).post, "/connexion/", {"login": user.username, "password": PASSWORD})


def ask_for_a_password(request):
    user = request.getfixturevalue("can_sign_in")(PrincipalFactory())
    return functools.partial(open_browser(PORTAL).post, "/mot-de-passe/oublie/", {"email": user.email})


def enter_a_key(_):
    school = SchoolScenario()
    browser = open_browser(PORTAL, school.principal)
    return functools.partial(browser.post, "/mon-compte/cle/", {"cle": school.key()[0]})


def read_schools(_):
    SchoolFactory()
    return functools.partial(open_browser(OFFICE, **bearer(create_token().secret)).get, "/api/v1/schools")


def allocate(_):
    body = {"pool": PoolFactory().pk, "school": PortfolioSchoolFactory().school.uai, "units": 1}
    client = open_browser(OFFICE, **bearer(create_token().secret), **{"Idempotency-Key": str(uuid.uuid4())})
    return functools.partial(client.post, "/api/v1/allocations", body, content_type=JSON)


def enter_the_application(_):
    classroom = create_taught_class(last_day=timezone.localdate() + datetime.timedelta(days=30))
    person = tickets.ApplicationUser("teacher", classroom.seat.holder_id)
    client = open_browser(PORTAL, **bearer(tokens.create(name="Application", by=None, at=timezone.now()).secret))
    body = {"ticket": tickets.create(person=person, at=timezone.now())}
    return functools.partial(client.post, "/api/application/v1/entry", body, content_type=JSON)


def report_a_mail(request):
    settings = request.getfixturevalue("settings")
    settings.ANYMAIL = {"WEBHOOK_SECRET": MAIL_PASSWORD}
    settings.PUBLIC_SCHEMA_URLCONF = "tests.web.held_urls"
    provider_events.connect()
    at = timezone.now()
    message = Message.objects.create(
        kind="key", recipient=f"{uuid.uuid4()}@exemple.example", created_at=at, due_at=at,
        state=MessageState.SENT, sent_at=at,
    )  # fmt: skip
    event = {
        "event": "hard_bounce",
        "email": message.recipient,
        "ts_epoch": 1795510805000,
        "message-id": "<brevo.123@smtp-relay.example>",
        "reason": "550 5.1.1 User unknown",
        "X-Mailin-custom": json.dumps({"message": build_message_id(message)}),
    }
    shown = base64.b64encode(MAIL_PASSWORD.encode()).decode()
    client = open_browser(PORTAL, Authorization=f"Basic {shown}")
    return functools.partial(client.post, "/webhooks/mail/brevo/", event, content_type=JSON)


def report_a_card(request):
    server = request.getfixturevalue("stripe")
    session = open_checkout(StartedPaymentFactory(), open_browser(PORTAL))
    body, signature = fake_stripe.sign_event(server.pay(session))
    client = open_browser(PORTAL, **{"Stripe-Signature": signature})
    return functools.partial(client.post, "/webhooks/stripe/", body, content_type=JSON)


def _watch(path, request):
    beat(timezone.now())
    request.getfixturevalue("settings").HEALTH_TOKEN = HEALTH_TOKEN
    # What was answered a moment ago says nothing of now.
    request.getfixturevalue("monkeypatch").setattr(middleware, "KEPT_SECONDS", {})
    return functools.partial(open_browser(PORTAL, **bearer(HEALTH_TOKEN)).get, path)


def ask_whether_alive(request):
    return _watch("/sante/", request)


def ask_whether_ready(request):
    return _watch("/sante/pret/", request)


def ask_about_the_work(request):
    return _watch("/sante/travaux/", request)


#: By door: the status of its answer, and what kind of content it says in that it cannot answer.
DOORS = {
    enter_a_key: (302, PAGE), open_home: (200, PAGE), open_account: (200, PAGE), open_office: (200, PAGE),
    open_back_office: (200, PAGE), sign_in: (302, PAGE), ask_for_a_password: (302, PAGE), read_schools: (200, API),
    allocate: (201, API), enter_the_application: (200, JSON), report_a_mail: (200, PAGE), report_a_card: (200, PAGE),
    ask_whether_alive: (200, JSON), ask_whether_ready: (200, JSON), ask_about_the_work: (200, JSON),
}  # fmt: skip


# --- The database -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def limited():
    """Open this thread's connections with the limits of the test, as a web server's are with its own."""
    before = connection.settings_dict["OPTIONS"]
    connection.close()
    connection.settings_dict["OPTIONS"] = dict(before)
    apply_timeouts(connection.settings_dict, LIMITS)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["OPTIONS"] = before


@contextlib.contextmanager
def held(*tables):
    with connect_administrator() as other, other.transaction():
        other.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        yield


@contextlib.contextmanager
def counted_timeouts(given_up):
    """Add to a list each statement that the server gives up."""

    def note(execute, sql, *more):
        try:
            return execute(sql, *more)
        except OperationalError:
            given_up.append(sql)
            raise

    with connection.execute_wrapper(note):
        yield


def list_tables(statements):
    """Return the tables that statements name, each with its namesakes of the office's schema and the public one."""
    words = {word for sql in statements for word in re.findall(r"[a-z_]+", sql)}
    if any(word.startswith("procrastinate_defer") for word in words):
        words.add("procrastinate_jobs")
    with connect_administrator() as other:
        rows = other.execute(
            "SELECT tablename, array_agg(format('%I.%I', schemaname, tablename)) FROM pg_tables"
            " WHERE schemaname IN ('public', 'c_nimes') GROUP BY 1 ORDER BY 1"
        ).fetchall()
    return {name: places for name, places in rows if name in words}


@pytest.fixture(autouse=True)
def _undo_receivers():
    yield
    tracking.disconnect(dispatch_uid="mailing.provider_events")


@pytest.mark.parametrize("door", sampled(DOORS, fast=1), ids=lambda door: door.__name__)
def test_a_door_says_in_time_that_it_cannot_answer_and_opens_afterwards(committing, request, door):
    status, content_type = DOORS[door]

    def arrange():
        with schema_context("c_nimes"):
            return door(request)

    # What a process keeps is asked for once.
    arrange()()
    ask = arrange()
    with CaptureQueriesContext(connection) as captured:
        answer = ask()
    assert answer.status_code == status, answer.content
    tables = list_tables(query["sql"] for query in captured)
    assert bool(tables) == (door is not ask_whether_alive)
    ask = arrange()
    wrong = []
    with limited():
        for name, places in tables.items():
            given_up = []
            with held(*places), counted_timeouts(given_up):
                answer = ask()
            given, text = (answer.status_code, answer["Content-Type"]), answer.content.decode()
            # None where it was a COPY or the COMMIT that waited.
            if given != (503, content_type) or len(given_up) > 1 or "Traceback" in text or "canceling" in text:
                wrong.append((name, given, given_up))
            if "/sante/" not in answer.request["PATH_INFO"] and answer.get("Retry-After") != "10":
                wrong.append((name, given, ["no Retry-After"]))
        assert wrong == []
        assert ask().status_code == status
