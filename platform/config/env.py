"""Reads settings from environment variables. An invalid value stops the start, with its name in the message."""

import ipaddress
import os

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str) -> str:
    """Return the variable, or `default` if it is unset."""
    return os.environ.get(name, default)


def flag(name: str, *, default: bool) -> bool:
    """Return the variable as a boolean; only « True » and « False » are understood.

    Raises `ImproperlyConfigured` for anything else, so that « 0 » or « no » is not taken for true.
    """
    value = os.environ.get(name, str(default))
    if value not in ("True", "False"):
        raise ImproperlyConfigured(f"{name} must be 'True' or 'False', not {value!r}.")
    return value == "True"


def number(name: str, default: int) -> int:
    """Return the variable as a whole number of at least 0. Raises `ImproperlyConfigured` otherwise."""
    value = os.environ.get(name, str(default))
    if not (value.isascii() and value.isdigit()):
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def items(name: str, default: str = "") -> list[str]:
    """Return the comma-separated items of the variable, without empty ones."""
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the comma-separated IP networks of the variable. Raises `ImproperlyConfigured` otherwise."""
    try:
        return [ipaddress.ip_network(item) for item in items(name)]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} must be networks such as 10.0.0.0/8, with commas between: {error}."
        ) from None
