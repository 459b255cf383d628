"""Settings read from the environment. A value that is wrong stops the start, with its name in the message."""

from __future__ import annotations

import ipaddress
import os

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str) -> str:
    """Return the variable, or `default` where it is unset."""
    return os.environ.get(name, default)


def flag(name: str, *, default: bool) -> bool:
    """Return the variable as a boolean; only « True » and « False » are understood.

    Raises `ImproperlyConfigured` for anything else: « 0 » or « no » read as true would be a silent accident.
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


def words(name: str, default: str = "") -> list[str]:
    """Return the variable cut at its commas, without empty parts."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the variable as networks, with commas between. Raises `ImproperlyConfigured` where one is none."""
    try:
        return [ipaddress.ip_network(word) for word in words(name)]
    except ValueError as wrong:
        raise ImproperlyConfigured(
            f"{name} must be networks such as 10.0.0.0/8, with commas between: {wrong}."
        ) from None
