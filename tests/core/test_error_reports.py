"""Errors sent to a service that takes Sentry's events: of a page and of a job, without what either was given."""

import json
import logging

import pytest
import sentry_sdk
from django.core.exceptions import ImproperlyConfigured
from procrastinate.contrib.django import app
from sentry_sdk.integrations.logging import EventHandler

from config import observability
from config.observability import build_logging
from core.telemetry import MASK, ContextFilter, clean_event, mask, start_error_reports
from jobs.tasks import defer, task
from tests.host_client import HostClient
from tests.http_collector import running_collector
from tests.waits import wait_until
from tests.workers import running_worker

KEY = "NIMES-7K3M-Q9TX-2HWB"
EMAIL = "jeanne.dupont@ecole.example"
TOKEN = "Z9y8X7w6" * 6
SECRETS = (KEY, "7K3M", EMAIL, "dupont", "Dupont", "ecole.example", TOKEN, "cookie-secret", "/echec/Z9", "c_nimes")


@pytest.fixture
def service():
    with running_collector() as server:
        yield server


def build_dsn(service):
    return f"http://cle@127.0.0.1:{service.port}/7"


def read_events(service):
    """Return the events of the envelopes that were posted."""
    events = []
    for path, _, body in service.taken:
        assert path == "/api/7/envelope/"
        lines = body.split(b"\n")
        events += [
            json.loads(content)
            for header, content in zip(lines[1::2], lines[2::2], strict=False)
            if json.loads(header)["type"] == "event"
        ]
    return events


@pytest.fixture
def reporting(service, settings):
    """This process reports errors as a web process does."""
    settings.SENTRY_DSN = build_dsn(service)
    start_error_reports()
    handler = EventHandler(level=logging.ERROR)
    handler.addFilter(ContextFilter())
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def find_secrets(service):
    sent = b"".join(service.bodies).decode()
    return [secret for secret in SECRETS if secret in sent]


@pytest.mark.usefixtures("reporting", "db")
def test_the_error_of_a_page_arrives_without_what_was_sent(service, settings):
    settings.PUBLIC_SCHEMA_URLCONF = "tests.core.failing_urls"
    browser = HostClient("peps.localhost")
    browser.raise_request_exception = False
    browser.cookies["session"] = "cookie-secret"
    answer = browser.post(
        f"/echec/{TOKEN}/?jeton={TOKEN}",
        {"key": KEY, "email": EMAIL, "name": "Dupont"},
        headers={"x-request-id": "request-0123456789", "referer": f"https://peps.localhost/echec/{TOKEN}/"},
    )
    assert answer.status_code == 500
    sentry_sdk.flush(5)
    [event] = read_events(service)
    [exception] = event["exception"]["values"]
    assert (exception["type"], exception["value"]) == (
        "ValueError", f"La clé {MASK} de {MASK} ({MASK}) n'est pas lue"
    )  # fmt: skip
    assert event["tags"] == {"request": "request-0123456789", "route": "failing"}
    assert (event["level"], event["logger"]) == ("error", "django.request")
    assert exception["stacktrace"]["frames"][-1]["function"] == "fail"
    assert "raise ValueError" in exception["stacktrace"]["frames"][-1]["context_line"]
    assert find_secrets(service) == []
    assert event.keys().isdisjoint({"request", "user", "extra", "breadcrumbs", "modules"})


@pytest.mark.slow
def test_the_error_of_a_job_arrives_once_it_failed_for_good(service, committing):
    @task(name="tests.fail")
    def fail(*, word):
        raise AssertionError("runs in the worker's process only")

    job_id = defer("tests.fail", schema="c_nimes", word=f"{KEY} {EMAIL}")
    try:
        with running_worker(SENTRY_DSN=build_dsn(service)):
            wait_until(lambda: read_events(service))
    finally:
        app.tasks.pop("tests.fail")
    [event] = read_events(service)
    assert event["tags"] == {"job": str(job_id), "task": "tests.fail"}
    assert event["logentry"] == {"message": "A job ended with an error"}
    assert event["exception"]["values"][-1]["type"] == "ValueError"
    assert find_secrets(service) == []


@pytest.mark.usefixtures("reporting")
def test_the_end_of_a_job_is_sent_without_its_arguments(service):
    """As the queue logs it: the arguments in the text, the job beside it."""
    job = {"id": 7, "task_name": "tests.fail", "task_kwargs": {"word": KEY}}
    line = f"Job tests.fail[7](word='{KEY}') ended with status: Error"
    logging.getLogger("procrastinate.worker").error(line, exc_info=ValueError(EMAIL), extra={"job": job})
    sentry_sdk.flush(5)
    [event] = read_events(service)
    assert event["tags"] == {"job": "7", "task": "tests.fail"}
    assert event["logentry"] == {"message": "A job ended with an error"}
    assert event["exception"]["values"][-1]["type"] == "ValueError"
    assert find_secrets(service) == []


@pytest.mark.usefixtures("reporting")
def test_warnings_are_not_sent(service):
    logging.getLogger("tests").warning("Une ligne")
    sentry_sdk.flush(5)
    assert service.taken == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"Key {KEY} is gone", f"Key {MASK} is gone"),
        (f"{EMAIL}: refused", f"{MASK} refused"),
        ("duplicate key\nDETAIL: (Dupont)", "duplicate key"),
        ("invalid literal for int(): 'Dupont'", f"invalid literal for int(): {MASK}"),
        ("École 0300012A, « Jean Moulin »", f"École {MASK}, {MASK}"),
        (f"at /x/{TOKEN}/", f"at {MASK}"),
        ("Order 12 has no line", "Order 12 has no line"),
    ],
)
def test_a_text_is_masked(text, masked):
    assert mask(text) == masked


def test_an_event_of_nowhere_is_still_one():
    event = {"event_id": "0", "request": {"url": "https://peps.example/"}, "user": {"id": 3}, "level": "error"}
    assert clean_event(event, {}) == {"event_id": "0", "level": "error", "tags": {}, "logentry": {"message": ""}}


def test_errors_are_sent_where_that_is_asked_for_only(settings):
    assert list(build_logging("INFO", "line")["handlers"]) == ["console"]
    built = build_logging("INFO", "line", sends_errors=True)
    assert (list(built["handlers"]), built["handlers"]["errors"]["level"]) == (["console", "errors"], "ERROR")
    start_error_reports()
    assert sentry_sdk.get_client().is_active() is False


@pytest.mark.parametrize("dsn", ["erreurs.example", "https://erreurs.example/7", "https://cle@erreurs.example"])
def test_an_address_of_errors_that_is_none_stops_the_start(monkeypatch, dsn):
    monkeypatch.setenv("SENTRY_DSN", dsn)
    with pytest.raises(ImproperlyConfigured, match="SENTRY_DSN must be"):
        observability.read_error_dsn()
