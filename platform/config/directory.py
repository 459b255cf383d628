"""Where the national directory of schools is downloaded each day."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config import env

#: As `DirectorySync.url`.
_MAX_URL_LENGTH = 500


def read_directory_url(*, is_production: bool) -> str:
    """Return the URL of the file, empty where it is loaded by hand. Raises `ImproperlyConfigured`."""
    url = env.text("DIRECTORY_URL", "")
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.fragment
    except ValueError:
        is_complete = False
    schemes = ("https",) if is_production else ("https", "http")
    if not is_complete or parts.scheme not in schemes or len(url) > _MAX_URL_LENGTH:
        raise ImproperlyConfigured(
            f"DIRECTORY_URL must be a whole URL in {' or '.join(schemes)}, of {_MAX_URL_LENGTH} characters at most,"
            " without a user and a « # »."
        )
    return url
