"""Traces: of a request to the job it queued, as a collector receives them, with nothing of anybody."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from procrastinate.contrib.django.models import ProcrastinateJob

from config import observability
from core import telemetry
from jobs.tasks import defer
from tests.factories.accounts import UserFactory
from tests.http_collector import running_collector
from tests.waits import wait_for_exit
from tests.workers import running_worker

TOKEN = "Z9y8X7w6" * 6
PASSWORD = "un-mot-de-passe-faux-2026"


@pytest.fixture
def collector():
    with running_collector() as server:
        yield server


@pytest.fixture
def traced(collector, monkeypatch):
    """This process sends each span at once."""
    monkeypatch.setattr(telemetry.holder, "tracer", None)
    endpoint = f"http://127.0.0.1:{collector.port}/v1/traces"
    telemetry.trace_to(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint)), "peps-web")


def read_spans(collector):
    """Return the spans as (service, span, attributes)."""
    found = []
    for path, _, body in collector.taken:
        assert path == "/v1/traces"
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = read_attributes(group.resource)
            found += [
                (resource["service.name"], span, read_attributes(span))
                for scope in group.scope_spans
                for span in scope.spans
            ]
    return found


def read_attributes(owner):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in owner.attributes}


def find_span(collector, name):
    [(service, span, attributes)] = [found for found in read_spans(collector) if found[1].name == name]
    return service, span, attributes


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
def test_a_request_and_the_job_it_queued_are_found_by_one_number(committing, collector, office, can_sign_in):
    user = can_sign_in(UserFactory(username="madame.dupont", email="dupont@ecole.example"))
    office("nimes").post("/connexion/", {"login": user.username, "password": PASSWORD})
    # As a server's worker is told to: by the standard variables alone.
    with running_worker("--until-idle", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}") as process:
        assert wait_for_exit(process) == 0
    service, request, of_request = find_span(collector, "POST /connexion/")
    assert (service, of_request["http.route"], of_request["http.response.status_code"]) == (
        "peps-web", "/connexion/", 200,
    )  # fmt: skip
    [queued] = [read_attributes(event) for event in request.events if event.name == "job queued"]
    service, job, of_job = find_span(collector, "job collectivities.note_account_event")
    assert (service, of_job["peps.job"], of_job["peps.queue"]) == ("peps-worker", queued["peps.job"], "default")
    assert queued["peps.task"] == of_job["peps.task"] == "collectivities.note_account_event"
    statements = [span for _, span, _ in read_spans(collector) if span.parent_span_id == job.span_id]
    assert {one.trace_id for one in statements} == {job.trace_id}
    assert {one.name for one in statements} >= {"SELECT"}
    # What was sent has neither the account, nor what it typed, nor the office.
    sent = b"".join(collector.bodies)
    secrets = ("dupont", PASSWORD, "ecole.example", "127.0.0.1", "nimes")
    assert [word for word in secrets if word.encode() in sent] == []


@pytest.mark.usefixtures("traced", "nimes")
def test_a_job_is_named_where_it_is_queued_and_its_statements_are_its_own(collector):
    with telemetry.trace("POST /"):
        number = str(defer("mailing.drain", schema="c_nimes"))
    with telemetry.trace("job mailing.drain", {"peps.job": number}):
        assert ProcrastinateJob.objects.filter(pk=number).exists()
    _, request, _ = find_span(collector, "POST /")
    [queued] = [read_attributes(event) for event in request.events]
    assert queued == {"peps.job": number, "peps.task": "mailing.drain"}
    _, job, of_job = find_span(collector, "job mailing.drain")
    assert of_job == {"peps.job": number}
    [statement] = [span for _, span, _ in read_spans(collector) if span.parent_span_id == job.span_id]
    assert (statement.name, statement.trace_id) == ("SELECT", job.trace_id)
    assert job.trace_id != request.trace_id


@pytest.mark.usefixtures("traced")
def test_a_token_in_a_path_is_in_no_span(collector, portal):
    number = portal.get(f"/invitation/{TOKEN}/?jeton={TOKEN}")["X-Request-ID"]
    portal.get(f"/rien/{TOKEN}/")
    portal.generic("BREW", f"/rien/{TOKEN}/")
    names = [(span.name, of.get("http.route")) for _, span, of in read_spans(collector) if "http.request.method" in of]
    assert names[1:] == [("GET", None), ("_OTHER", None)]
    assert "<" in names[0][0]
    assert number in {of.get("peps.request") for _, _, of in read_spans(collector)}
    assert TOKEN.encode() not in b"".join(collector.bodies)


@pytest.mark.usefixtures("traced")
def test_the_trace_of_a_visitor_is_not_gone_on_with(collector, portal):
    portal.get("/connexion/", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    _, span, _ = find_span(collector, "GET /connexion/")
    assert (span.trace_id.hex() != "a" * 32, span.parent_span_id) == (True, b"")


@pytest.mark.usefixtures("traced", "db")
def test_a_failure_has_its_class_and_not_its_text(collector):
    with pytest.raises(ValueError, match="Dupont"), telemetry.trace("job tests.fail"):
        raise ValueError("Dupont")
    _, span, attributes = find_span(collector, "job tests.fail")
    assert (attributes, span.status.code, list(span.events)) == ({"error.type": "ValueError"}, 2, [])
    assert b"Dupont" not in b"".join(collector.bodies)


@pytest.mark.parametrize(
    ("statement", "stripped"),
    [
        ("SELECT * FROM t WHERE name = %s", "SELECT * FROM t WHERE name = %s"),
        ("SELECT 'Dupont', 'l''école'", "SELECT '?', '?'"),
        ("x" * 5000, "x" * telemetry.MAX_STATEMENT),
    ],
)
def test_a_statement_is_kept_without_the_texts_in_it(statement, stripped):
    assert telemetry.strip_literals(statement) == stripped


def test_without_a_collector_nothing_is_traced(settings, portal):
    telemetry.start_tracing("peps-web")
    assert (settings.HAS_TRACE_COLLECTOR, telemetry.holder.tracer) == (False, None)
    with telemetry.trace("nothing") as span:
        assert span is None


def test_the_standard_variables_turn_it_on(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert observability.has_trace_collector() is True
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert observability.has_trace_collector() is False


@pytest.mark.parametrize(
    ("name", "value", "read", "refusal"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", observability.has_trace_collector, "« traces »"),
        ("SENTRY_DSN", "https://cle@erreurs.example/7", observability.read_error_dsn, "« errors »"),
    ],
)
def test_an_extra_that_is_missing_stops_the_start(monkeypatch, name, value, read, refusal):
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(observability, "find_spec", lambda _name: None)
    with pytest.raises(ImproperlyConfigured, match=refusal):
        read()
