"""Errors sent to a service that takes Sentry's events (the extra `errors`): what is logged as an error, and no more.

An event is built anew of what is named here. It says which line failed with which class of exception, of which route,
request or job; no body, header, cookie, variable, argument of a job or of a statement, and no path is in it.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from django.conf import settings

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
