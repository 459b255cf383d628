"""Refusals: what the rules of licensing do not allow, said so that the person who asked can do something about it."""

from __future__ import annotations

from web import refused


class Refused(refused.Refused):
    """A rule of licensing says no.

    Each refusal is a subclass with its own code: `raise NoSeatLeft("Les 5 clés de cet abonnement…")`.
    """
