"""Whose request it is: the network address of the client, behind as many proxies as the settings say."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, as the outermost of our own proxies saw it.

    Each proxy appends to `X-Forwarded-For` the address it was called from: with `TRUSTED_PROXIES = n`, the n-th from
    the right was written by the first of ours, and what stands to its left by anybody. A request that came past
    fewer proxies, or whose header is no address, is known by the connection it came over.
    """
    direct = str(request.META.get("REMOTE_ADDR") or "")
    proxies: int = settings.TRUSTED_PROXIES
    said = direct
    if proxies:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(hops) >= proxies:
            said = hops[-proxies]
    for address in (said, direct):
        try:
            return str(ipaddress.ip_address(address))
        except ValueError:
            continue
    return "0.0.0.0"  # noqa: S104 - a Unix socket has no address; all such requests count as one
