"""Where passwords of known leaks are looked up: nowhere, unless the operator says so."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config import env
from core.leaked_passwords import UnusableFile, check_file


def read_leaks_file() -> Path | None:
    """Return the file of hashes, None without one. Raises `ImproperlyConfigured` where it is no sorted list of them."""
    name = env.text("PASSWORD_LEAKS_FILE", "")
    if not name:
        return None
    try:
        check_file(Path(name))
    except UnusableFile as error:
        raise ImproperlyConfigured(f"PASSWORD_LEAKS_FILE, {name}: {error}. See docs/deploy.md.") from None
    return Path(name)


def read_leaks_url(*, is_production: bool) -> str:
    """Return the address of the service's ranges, empty for none. Raises `ImproperlyConfigured`."""
    url = env.text("PASSWORD_LEAKS_URL", "")
    if not url:
        return ""
    schemes = ("https",) if is_production else ("https", "http")
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and not parts.query and not parts.fragment and parts.path.endswith("/")
    except ValueError:
        is_complete = False
    if not is_complete or parts.scheme not in schemes:
        raise ImproperlyConfigured(
            f"PASSWORD_LEAKS_URL must be a whole URL in {' or '.join(schemes)} that ends with « / », such as "
            "https://api.pwnedpasswords.com/range/."
        )
    return url
