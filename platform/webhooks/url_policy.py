"""URL policy of webhooks (SSRF protection): https only, no private networks unless the operator allows them.

A URL is checked twice: when it is saved, for its syntax and literal IP addresses; and at each connection, for the IP
address that its host name resolved to. The checked address is the one connected to, so DNS rebinding has no effect.
"""

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import yarl
from django.conf import settings

from core import outgoing_addresses
from core.exceptions import Refusal

#: ASCII only, as in an HTTP request.
URL_PATTERN = re.compile(r"https?://[!-~]+")
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")


def check_url(url: str) -> None:
    """Check the syntax, scheme and literal IP address of a URL. Raises `Refusal`."""
    if fault := _find_url_fault(url):
        raise Refusal("url_not_allowed", fault)


def _find_url_fault(url: str) -> str:
    """Return what is wrong with a URL, or an empty text."""
    if not URL_PATTERN.fullmatch(url):
        return "Écrivez une adresse complète, sans espace ni accent : https://si.exemple.fr/webhooks."
    try:
        parts, host = urlsplit(url), yarl.URL(url).host
        port = parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0:
        return "Cette adresse n'en est pas une : écrivez-la comme https://si.exemple.fr/webhooks."
    if not is_scheme_allowed(url):
        return "L'adresse doit commencer par https:// : ce qui est envoyé ne circule pas en clair."
    if parts.username is not None or parts.password is not None:
        return "L'adresse ne porte ni identifiant ni mot de passe : la signature de l'envoi en tient lieu."
    if parts.fragment:
        return "L'adresse ne porte pas de « # » : ce qui le suit n'est jamais envoyé."
    ip_address = _LOOPBACK if host.rstrip(".").lower() == "localhost" else outgoing_addresses.parse_address(host)
    return "" if ip_address is None or is_address_allowed(ip_address) else outgoing_addresses.PRIVATE_NETWORK


def is_scheme_allowed(url: str) -> bool:
    """Whether the URL is https, or the settings allow http."""
    return url.startswith("https://") or settings.WEBHOOKS_ALLOW_HTTP


def create_socket(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket for a resolved address. Raises `AddressNotAllowed`."""
    return outgoing_addresses.create_socket(address, settings.WEBHOOKS_PRIVATE_NETWORKS)


def is_address_allowed(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether webhooks may go to this IP address: a public one, or in a network the operator allows."""
    return outgoing_addresses.is_address_allowed(address, settings.WEBHOOKS_PRIVATE_NETWORKS)
