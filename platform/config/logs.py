"""What is logged, and what never is: keys, the tokens of links, buyers' addresses."""

from __future__ import annotations

from typing import Any


def build_logging(level: str) -> dict[str, Any]:
    """Return Django's `LOGGING`: lines of this level and above, to the standard error output."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
        "filters": {"tokens": {"()": "web.log_filters.TokenFilter"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
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
