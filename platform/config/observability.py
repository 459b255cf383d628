"""Who may read figures: nobody, unless the operator says so."""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured

from config import env

#: Characters of `METRICS_TOKEN`.
MIN_TOKEN_LENGTH = 32


def read_metrics_token() -> str:
    """Return the token that opens the figures, empty where they are closed. Raises `ImproperlyConfigured`."""
    token = env.text("METRICS_TOKEN", "")
    if token and (len(token) < MIN_TOKEN_LENGTH or not token.isascii() or not token.isprintable() or " " in token):
        raise ImproperlyConfigured(f"METRICS_TOKEN must have {MIN_TOKEN_LENGTH} ASCII characters at least, no space.")
    folder = env.text("PROMETHEUS_MULTIPROC_DIR", "")
    if folder and not os.access(folder, os.W_OK | os.X_OK):
        raise ImproperlyConfigured("PROMETHEUS_MULTIPROC_DIR must be a folder that this process may write to.")
    return token
