"""URL policy of webhooks (SSRF protection): https only, no private networks unless the operator allows them.

A URL is checked twice: when it is saved, for its syntax and literal IP addresses; and at each connection, for the IP
address that its host name resolved to. The checked address is the one connected to, so DNS rebinding has no effect.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yarl
from django.conf import settings

from core.exceptions import DomainError

if TYPE_CHECKING:
    type Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

#: ASCII only, as in an HTTP request.
URL_PATTERN = re.compile(r"https?://[!-~]+")
#: The same for every blocked address: reveals nothing about internal host names.
PRIVATE_NETWORK = "Cette adresse mène à un réseau privé ou réservé : l'exploitant du site ne l'a pas permis."

#: IPv6 prefixes that embed an IPv4 address: IPv4-mapped and NAT64.
_EMBEDDING = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))
#: Transition mechanisms and deprecated prefixes, whatever `is_global` of a Python release says of them.
_BLOCKED = tuple(
    ipaddress.ip_network(one)
    for one in ("::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16", "fec0::/10", "192.88.99.0/24")
)
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")


class AddressRefused(DomainError):
    """The URL is not allowed for a webhook; the message says why."""

    code = "url_not_allowed"


class AddressNotAllowed(OSError):
    """Raised instead of connecting to an IP address that is not allowed."""

    def __init__(self) -> None:
        super().__init__(PRIVATE_NETWORK)


def check_url(url: str) -> None:
    """Check the syntax, scheme and literal IP address of a URL. Raises `AddressRefused`."""
    if not URL_PATTERN.fullmatch(url):
        raise AddressRefused("Écrivez une adresse complète, sans espace ni accent : https://si.exemple.fr/webhooks.")
    try:
        parts, host = urlsplit(url), yarl.URL(url).host
        port = parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0:
        raise AddressRefused("Cette adresse n'en est pas une : écrivez-la comme https://si.exemple.fr/webhooks.")
    if not is_scheme_allowed(url):
        raise AddressRefused("L'adresse doit commencer par https:// : ce qui est envoyé ne circule pas en clair.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(
            "L'adresse ne porte ni identifiant ni mot de passe : la signature de l'envoi en tient lieu."
        )
    if parts.fragment:
        raise AddressRefused("L'adresse ne porte pas de « # » : ce qui le suit n'est jamais envoyé.")
    ip_address = _LOOPBACK if host.rstrip(".").lower() == "localhost" else _ip(host)
    if ip_address is not None and not is_address_allowed(ip_address):
        raise AddressRefused(PRIVATE_NETWORK)


def is_scheme_allowed(url: str) -> bool:
    """Whether the URL is https, or the settings allow http."""
    return url.startswith("https://") or settings.WEBHOOKS_ALLOW_HTTP


def create_socket(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket for a resolved address. Raises `AddressNotAllowed`.

    aiohttp's socket factory, called for every connection, to a host name or to a literal IP address.
    """
    family, kind, protocol, _, (host, *_) = address
    ip_address = _ip(str(host))
    if ip_address is None or not is_address_allowed(ip_address):
        raise AddressNotAllowed
    return socket.socket(family=family, type=kind, proto=protocol)


def is_address_allowed(address: Ip) -> bool:
    """Whether requests may go to this IP address: a public one, or in a network the operator allows."""
    address = _unwrap_ipv4(address)
    if any(address in network for network in settings.WEBHOOKS_PRIVATE_NETWORKS):
        return True
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not any(address in network for network in _BLOCKED)
    )


def _unwrap_ipv4(address: Ip) -> Ip:
    """Return the IPv4 address embedded in an IPv6 address, else the address itself."""
    if any(address in network for network in _EMBEDDING):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _ip(host: str) -> Ip | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
