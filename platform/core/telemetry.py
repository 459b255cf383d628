"""What is watched: log lines, errors sent to a service, figures for Prometheus, traces for OpenTelemetry."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, REGISTRY, CollectorRegistry, Counter, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, Tracer


# Traces for OpenTelemetry (the extra `traces`): requests, jobs and the statements of both.
#
# A span has the attributes that are given here, and no others: routes and not paths, statements without their
# parameters, the class of an exception without its text. Nothing is measured where the operator names no collector.

#: Letters of a statement that are kept.
MAX_STATEMENT = 2_000
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_NO_ATTRIBUTES: Mapping[str, str] = {}


class TracerHolder:
    """The tracer of this process; None where nothing is traced."""

    def __init__(self) -> None:
        self.tracer: Tracer | None = None


holder = TracerHolder()


def start_tracing(service: str) -> None:
    """Send the traces of this process from now on, where the operator names a collector. `service`: its name."""
    if settings.HAS_TRACE_COLLECTOR:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        trace_to(BatchSpanProcessor(OTLPSpanExporter()), service)


def trace_to(processor: SpanProcessor, service: str) -> None:
    """Give the spans of this process to a processor."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(processor)
    holder.tracer = provider.get_tracer("peps")


@contextlib.contextmanager
def trace(name: str, attributes: Mapping[str, str] = _NO_ATTRIBUTES) -> Iterator[Span | None]:
    """Trace the block and its statements as a span of its own, which begins a trace; yield it, None without a tracer.

    A trace that the sender of a request names is not gone on with: any visitor could.
    """
    if holder.tracer is None:
        yield None
        return
    from opentelemetry.context import Context  # noqa: PLC0415 - an extra

    with (
        holder.tracer.start_as_current_span(
            name, context=Context(), attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span,
        connection.execute_wrapper(_trace_statement),
    ):
        try:
            yield span
        except BaseException as error:
            set_failed(span, type(error).__qualname__)
            raise


def set_failed(span: Span, kind: str) -> None:
    """Mark a span as failed. `kind`: the class of the exception, or the status of the response."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - an extra

    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def note_queued_job(job_id: int, task: str) -> None:
    """Note in the current span that it queued a job: the job's own span has the same number."""
    if holder.tracer is not None:
        from opentelemetry.trace import get_current_span  # noqa: PLC0415 - an extra

        get_current_span().add_event("job queued", {"peps.job": str(job_id), "peps.task": task})


def strip_literals(statement: str) -> str:
    """Return a statement without the texts that stand in it, no longer than `MAX_STATEMENT`."""
    return _LITERAL.sub("'?'", statement)[:MAX_STATEMENT]


def _trace_statement(execute: Callable[..., Any], sql: Any, params: Any, many: Any, context: dict[str, Any]) -> Any:
    """Trace a statement. `params` is not looked at."""
    if holder.tracer is None:
        return execute(sql, params, many, context)
    text = strip_literals(sql) if isinstance(sql, str) else type(sql).__name__
    [name, *_] = text.upper().split(maxsplit=1) or ["SQL"]
    # SET search_path has the office's name.
    attributes = {"db.system.name": "postgresql", "db.query.text": name if name == "SET" else text}
    with holder.tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            return execute(sql, params, many, context)
        except Exception as error:
            set_failed(span, type(error).__qualname__)
            raise


# Figures for Prometheus: who may read them, and as what text. Each app defines its own, in its `metrics.py`.
#
# A label never holds an office, a person, an address or a path: its values are those of the code. Web processes share a
# folder, `PROMETHEUS_MULTIPROC_DIR`, where whichever of them is asked finds what all have counted. A worker is one
# process and needs none.

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SCHEME = "Bearer "
# A second series for each counter, which says when it began.
disable_created_metrics()


def is_open() -> bool:
    """Whether the operator has opened the figures, by a token."""
    return bool(settings.METRICS_TOKEN)


def may_read(authorization: str) -> bool:
    """Whether an `Authorization` header holds the token."""
    return holds_token(authorization, settings.METRICS_TOKEN)


def holds_token(authorization: str, expected: str) -> bool:
    """Whether an `Authorization` header holds a token; never where none is expected."""
    token = authorization.removeprefix(_SCHEME)
    return bool(expected) and token != authorization and constant_time_compare(token, expected)


def is_shared() -> bool:
    """Whether the processes of this service count in a common folder."""
    return bool(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))


def render_metrics(*collectors: Collector) -> bytes:
    """Return what this process, or all that share its folder, have counted, and what the collectors find now."""
    registry = CollectorRegistry()
    if is_shared():
        MultiProcessCollector(registry)
    for collector in collectors:
        registry.register(collector)
    return (b"" if is_shared() else generate_latest(REGISTRY)) + generate_latest(registry)


def count_on_commit(counter: Counter, amount: float = 1) -> None:
    """Raise a counter once the current transaction is committed; at once outside of one."""
    transaction.on_commit(lambda: counter.inc(amount))


# Errors sent to a service that takes Sentry's events (the extra `errors`): what is logged as an error, and no more.
#
# An event is built anew of what is named here. It says which line failed with which class of exception, of which route,
# request or job; no body, header, cookie, variable, argument of a job or of a statement, and no path is in it.

#: Fields of an event that are sent as they are.
_KEPT = ("event_id", "timestamp", "level", "platform", "logger", "release", "environment", "server_name", "sdk")
#: Fields of a frame: where it is and the lines of our code around it.
_KEPT_OF_FRAMES = (
    "filename", "function", "module", "lineno", "in_app", "pre_context", "context_line", "post_context",
)  # fmt: skip
MASK = "[…]"
#: What an exception's text may repeat: a text between quotes, an address, a word with a digit, a long one.
_MASKED = re.compile(
    r"""«[^»]*»|"[^"]*"|'[^']*'|“[^”]*”|\S*@\S*|(?<!\w)(?=[\w.:~%+/=-]*[0-9])[\w.:~%+/=-]{4,}|[A-Za-z0-9_+/=-]{24,}"""
)
#: Procrastinate's, which logs the end of a job with its arguments, outside of the job's own context.
_QUEUE_LOGGER = "procrastinate.worker"


def start_error_reports() -> None:
    """Send what this process logs as an error from now on, where the operator says where to."""
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk  # noqa: PLC0415 - an extra
    from sentry_sdk.integrations.atexit import AtexitIntegration  # noqa: PLC0415
    from sentry_sdk.integrations.dedupe import DedupeIntegration  # noqa: PLC0415

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        # Those for Django and for requests would add addresses, headers and queries; errors come by the log.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[DedupeIntegration(), AtexitIntegration(callback=lambda _pending, _timeout: None)],
        # Nor what is of a person, which is the default; and `clean_event` keeps nothing that it does not name.
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        send_client_reports=False,
        auto_session_tracking=False,
        before_send=clean_event,
    )


def clean_event(event: Any, hint: Any) -> Any:
    """Return the event that is sent in an event's place. `hint`: what it comes from, the record of the log."""
    record: logging.LogRecord | None = hint.get("log_record")
    cleaned = {name: event[name] for name in _KEPT if name in event}
    cleaned["tags"] = _list_tags(record)
    cleaned["logentry"] = {"message": _get_message(record)}
    if "exception" in event:
        cleaned["exception"] = {"values": [_clean_exception(each) for each in event["exception"].get("values", [])]}
    return cleaned


def mask(text: str) -> str:
    """Return the first line of a text, without what may be of a person: the next ones repeat rows and values."""
    return _MASKED.sub(MASK, text.partition("\n")[0])


def _clean_exception(exception: dict[str, Any]) -> dict[str, Any]:
    frames = (exception.get("stacktrace") or {}).get("frames") or []
    return {
        "type": exception.get("type"),
        "module": exception.get("module"),
        "value": mask(str(exception.get("value") or "")),
        "stacktrace": {
            "frames": [{name: frame[name] for name in _KEPT_OF_FRAMES if name in frame} for frame in frames]
        },
    }


def _get_message(record: logging.LogRecord | None) -> str:
    """Return the text of a log line before its arguments are put in."""
    if record is None:
        return ""
    if record.name.startswith(_QUEUE_LOGGER):
        return "A job ended with an error"
    return mask(str(record.msg))


def _list_tags(record: logging.LogRecord | None) -> dict[str, str]:
    """Return of which request or job, and of which route or task, a log line is."""
    if record is None:
        return {}
    tags = {str(name): str(value) for name, value in getattr(record, "context", {}).items()}
    match = getattr(getattr(record, "request", None), "resolver_match", None)
    if match is not None:
        tags["route"] = match.view_name
    job = getattr(record, "job", None)
    if isinstance(job, dict):
        tags |= {"job": str(job.get("id")), "task": str(job.get("task_name"))}
    return tags


#: Tokens have forty characters and more; no path of ours has a segment as long without one.
_TOKEN_SEGMENT = re.compile(r"(?<=/)[A-Za-z0-9_:.~%-]{32,}")


def mask_tokens(text: str) -> str:
    """Return the text with the path segments masked that are as long as tokens."""
    return _TOKEN_SEGMENT.sub("[…]", text)


class TokenFilter(logging.Filter):
    """Replaces path segments that are as long as tokens. For loggers whose records have paths as arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record's arguments; let every record pass."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                mask_tokens(argument) if isinstance(argument, str) else argument for argument in record.args
            )
        return True


_NOTHING: Mapping[str, str] = {}
_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=_NOTHING)


@contextlib.contextmanager
def log_context(**fields: str) -> Iterator[None]:
    """Have the log lines of this thread tell these fields, beside those told already, until the block ends."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def begin_log_context(**fields: str) -> None:
    """Have the log lines of this thread tell these fields, and no others, until `end_log_context`."""
    _context.set(fields)


def end_log_context() -> None:
    """Have the log lines of this thread tell no fields."""
    _context.set(_NOTHING)


class ContextFilter(logging.Filter):
    """Gives each record the fields of `log_context`: `context`, and `origin` as a text for lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set both; let every record pass."""
        fields = _context.get()
        record.__dict__["context"] = fields
        record.__dict__["origin"] = "".join(f"[{name} {value}] " for name, value in fields.items())
        return True


class LineFormatter(logging.Formatter):
    """A line for people: moment with its distance to UTC, level, logger, the fields of `log_context`, message."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} {origin}{message}", "%Y-%m-%dT%H:%M:%S%z", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line, one whatever was in the message: what a visitor sent may not look like another one."""
        return "\\n".join(super().formatMessage(record).splitlines())


class JsonFormatter(logging.Formatter):
    """One JSON object a line: moment, level, logger, message, the fields of `log_context`, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        fields = {
            "at": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "context", _NOTHING),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
