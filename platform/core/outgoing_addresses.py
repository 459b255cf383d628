"""Which IP addresses requests of ours may go to: public ones, and networks that the operator allows (SSRF protection).

An address is checked at each connection, after its host name was resolved; the checked address is the one connected to,
so DNS rebinding has no effect.
"""

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

type Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


#: The same for every blocked address: reveals nothing about internal host names.
PRIVATE_NETWORK = "Cette adresse mène à un réseau privé ou réservé : l'exploitant du site ne l'a pas permis."

#: IPv6 prefixes that embed an IPv4 address: IPv4-mapped and NAT64.
_EMBEDDING = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))
#: Transition mechanisms and deprecated prefixes, whatever `is_global` of a Python release says of them.
_BLOCKED = tuple(
    ipaddress.ip_network(one)
    for one in ("::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16", "fec0::/10", "192.88.99.0/24")
)


class AddressNotAllowed(OSError):
    """Raised instead of connecting to an IP address that is not allowed."""

    def __init__(self) -> None:
        super().__init__(PRIVATE_NETWORK)


def create_socket(address: tuple[Any, ...], private_networks: Iterable[Network]) -> socket.socket:
    """Return a socket for a resolved address. Raises `AddressNotAllowed`.

    aiohttp's socket factory, called for every connection, to a host name or to a literal IP address.
    """
    family, kind, protocol, _, (host, *_) = address
    ip_address = parse_address(str(host))
    if ip_address is None or not is_address_allowed(ip_address, private_networks):
        raise AddressNotAllowed
    return socket.socket(family=family, type=kind, proto=protocol)


def is_address_allowed(address: Ip, private_networks: Iterable[Network]) -> bool:
    """Whether requests may go to this IP address: a public one, or in one of the networks allowed besides."""
    address = _unwrap_ipv4(address)
    if any(address in network for network in private_networks):
        return True
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not any(address in network for network in _BLOCKED)
    )


def parse_address(host: str) -> Ip | None:
    """Return the IP address that a host is written as, without its zone; None where it is a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _unwrap_ipv4(address: Ip) -> Ip:
    """Return the IPv4 address embedded in an IPv6 address, else the address itself."""
    if any(address in network for network in _EMBEDDING):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
