"""Where a webhook may lead: https, to the internet, and to no network of ours unless the operator allows it.

An address is looked at twice. When it is written down, for what can be seen in it; and at each connection, for the
address that its name leads to at that very moment: what was looked up is what is connected to, so a name that changes
its mind in between gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yarl
from django.conf import settings

from web.refused import Refused

if TYPE_CHECKING:
    type Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

#: What an address is written with; ASCII, as in every request.
WRITTEN = re.compile(r"https?://[!-~]+")
#: Said whatever the address that a name led to: our own names are nobody's business.
PRIVATE = "Cette adresse mène à un réseau privé ou réservé : l'exploitant du site ne l'a pas permis."

#: IPv4 addresses written into IPv6: as such, and by the NAT64 of a network that has no IPv4 of its own.
_EMBEDDING = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))
#: Transition mechanisms and prefixes that lead who knows where, whatever a release of Python says of them.
_NEVER = tuple(
    ipaddress.ip_network(one)
    for one in ("::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16", "fec0::/10", "192.88.99.0/24")
)
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")


class AddressRefused(Refused):
    """A webhook may not lead there; the sentence says why."""

    code = "address_refused"


class NotAllowed(OSError):
    """Raised in place of a connection to an address that is not allowed."""

    def __init__(self) -> None:
        super().__init__(PRIVATE)


def check(url: str) -> None:
    """Refuse an address that can be seen to be none, or not allowed. Raises `AddressRefused`."""
    if not WRITTEN.fullmatch(url):
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
    literal = _LOOPBACK if host.rstrip(".").lower() == "localhost" else _ip(host)
    if literal is not None and not is_allowed(literal):
        raise AddressRefused(PRIVATE)


def is_scheme_allowed(url: str) -> bool:
    """Whether the address is of https, or the settings allow http."""
    return url.startswith("https://") or settings.WEBHOOKS_ALLOW_HTTP


def socket_for(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket for an address that a name has just led to. Raises `NotAllowed`.

    What aiohttp calls for every connection, be it to a name or to an address written as such.
    """
    family, kind, protocol, _, (host, *_) = address
    found = _ip(str(host))
    if found is None or not is_allowed(found):
        raise NotAllowed
    return socket.socket(family=family, type=kind, proto=protocol)


def is_allowed(address: Ip) -> bool:
    """Whether requests may go to this address: on the internet, or in a network that the operator allows."""
    address = _meant(address)
    if any(address in network for network in settings.WEBHOOKS_PRIVATE_NETWORKS):
        return True
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not any(address in network for network in _NEVER)
    )


def _meant(address: Ip) -> Ip:
    """Return the address that is reached in truth, where an IPv4 address is written into an IPv6 one."""
    if any(address in network for network in _EMBEDDING):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _ip(host: str) -> Ip | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
