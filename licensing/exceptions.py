"""Base exception of the licensing apps. The message is shown to the user and says how to proceed."""

from __future__ import annotations

from core import exceptions


class LicensingError(exceptions.DomainError):
    """A licensing rule does not allow the operation.

    Each rule has a subclass with its own code: `raise NoSeatLeft("Les 5 clés de cet abonnement…")`.
    """
