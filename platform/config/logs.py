"""What is logged, and what never is: keys, the tokens of links, buyers' addresses."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

_FORMATTERS = {
    "line": {"()": "core.log_lines.LineFormatter"},
    "json": {"()": "core.log_lines.JsonFormatter"},
}


def build_logging(level: str, form: str, *, sends_errors: bool = False) -> dict[str, Any]:
    """Return Django's `LOGGING`: lines of this level and above, to the standard error output.

    `form`: `line`, or `json` for whoever collects them. Raises `ImproperlyConfigured` for another. `sends_errors`: also
    to the service of `core.error_reports`.
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
        "filters": {"tokens": {"()": "web.log_filters.TokenFilter"}, "context": {"()": "core.log_lines.ContextFilter"}},
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
