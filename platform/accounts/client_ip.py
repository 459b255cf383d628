"""The client's IP address, behind as many proxies as the settings declare."""

from __future__ import annotations

import ipaddress
import logging
from functools import cache

from django.conf import settings
from django.http import HttpRequest

logger = logging.getLogger(__name__)


def get_client_ip(request: HttpRequest) -> str:
    """Return the client's IP address, as the outermost of our own proxies saw it.

    Each proxy appends to `X-Forwarded-For` the address it was called from: with `TRUSTED_PROXIES = n`, the n-th from
    the right was written by our outermost proxy, and entries to its left may be forged. A request with fewer entries,
    or with an invalid one, falls back to the connection's address.
    """
    remote_address = str(request.META.get("REMOTE_ADDR") or "")
    proxies: int = settings.TRUSTED_PROXIES
    forwarded = remote_address
    if proxies:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(hops) >= proxies:
            forwarded = hops[-proxies]
        elif hops != [""]:
            _warn_of_missing_proxies()
    for address in (forwarded, remote_address):
        try:
            return str(ipaddress.ip_address(address))
        except ValueError:
            continue
    return "0.0.0.0"  # noqa: S104 - a Unix socket has no address; all such requests count as one


@cache
def _warn_of_missing_proxies() -> None:
    """Say, once a process, that fewer proxies stand there than the settings declare."""
    logger.warning(
        "A request came through fewer proxies than TRUSTED_PROXIES (%s) says: set it to how many there are, or visitors"
        " choose the address by which their attempts are counted.",
        settings.TRUSTED_PROXIES,
    )
