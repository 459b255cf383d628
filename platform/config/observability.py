"""What is logged, who may read figures, and where traces and errors are sent: nowhere, unless the operator says so."""

import os
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config import env

_FORMATTERS = {
    "line": {"()": "core.telemetry.LineFormatter"},
    "json": {"()": "core.telemetry.JsonFormatter"},
}


def build_logging(level: str, form: str, *, sends_errors: bool = False) -> dict[str, Any]:
    """Return Django's `LOGGING`: lines of this level and above, to the standard error output.

    `form`: `line`, or `json` for whoever collects them. Raises `ImproperlyConfigured` for another. `sends_errors`: also
    to the service of `core.telemetry`.
    """
    if form not in _FORMATTERS:
        raise ImproperlyConfigured(f"LOG_FORMAT must be one of {', '.join(_FORMATTERS)}.")
    handlers: dict[str, Any] = {
        "console": {"class": "logging.StreamHandler", "formatter": form, "filters": ["context"]}
    }
    if sends_errors:
        # Beside the lines, and not by Sentry's own patch of `logging`: the filters of our loggers have done their part.
        errors = "sentry_sdk.integrations.logging.EventHandler"
        handlers["errors"] = {"class": errors, "level": "ERROR", "filters": ["context"]}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {form: _FORMATTERS[form]},
        "filters": {"tokens": {"()": "core.telemetry.TokenFilter"}, "context": {"()": "core.telemetry.ContextFilter"}},
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": level},
        "loggers": {
            # Of Django's own, which have a level and handlers by its defaults.
            "django": {"level": level},
            # At lower levels they log buyers' addresses and payment sessions.
            "stripe": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            # Django logs the path of every refused or failed request.
            "django.request": {"filters": ["tokens"]},
            "django.security.csrf": {"filters": ["tokens"]},
            # The hash of each seal, kept outside of the database whatever LOG_LEVEL.
            "core.journal_seals": {"level": "INFO"},
        },
    }


#: Characters of a token by which a machine is admitted.
MIN_TOKEN_LENGTH = 32


def read_token(name: str) -> str:
    """Return a token that opens figures, empty where nobody has one. Raises `ImproperlyConfigured`."""
    token = env.text(name, "")
    if token and (len(token) < MIN_TOKEN_LENGTH or not token.isascii() or not token.isprintable() or " " in token):
        raise ImproperlyConfigured(f"{name} must have {MIN_TOKEN_LENGTH} ASCII characters at least, no space.")
    return token


def check_metrics_folder() -> None:
    """Raise `ImproperlyConfigured` where processes cannot count together in the folder that is named."""
    folder = env.text("PROMETHEUS_MULTIPROC_DIR", "")
    if folder and not os.access(folder, os.W_OK | os.X_OK):
        raise ImproperlyConfigured("PROMETHEUS_MULTIPROC_DIR must be a folder that this process may write to.")


def read_error_dsn() -> str:
    """Return where errors are sent, empty for nowhere. Raises `ImproperlyConfigured`."""
    dsn = env.text("SENTRY_DSN", "")
    if dsn and find_spec("sentry_sdk") is None:
        raise ImproperlyConfigured("SENTRY_DSN needs sentry-sdk: install the extra « errors ».")
    if dsn and not (urlsplit(dsn).username and urlsplit(dsn).hostname and urlsplit(dsn).path.strip("/")):
        raise ImproperlyConfigured("SENTRY_DSN must be as the service shows it: https://key@host/project.")
    return dsn


def has_trace_collector() -> bool:
    """Whether traces are sent, to where OpenTelemetry's own variables say. Raises `ImproperlyConfigured`."""
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    is_asked = any(env.text(name, "") for name in names) and env.text("OTEL_SDK_DISABLED", "").lower() != "true"
    if is_asked and (find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None):
        raise ImproperlyConfigured("OTEL_EXPORTER_OTLP_ENDPOINT needs opentelemetry-sdk: install the extra « traces ».")
    return is_asked
