"""Traces for OpenTelemetry (the extra `traces`): requests, jobs and the statements of both.

A span has the attributes that are given here, and no others: routes and not paths, statements without their parameters,
the class of an exception without its text. Nothing is measured where the operator names no collector.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, Tracer


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
