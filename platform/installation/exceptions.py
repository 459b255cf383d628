"""Refusals of a restored copy."""

from __future__ import annotations

from typing import ClassVar

from core.exceptions import DomainError


class InstallationHeld(DomainError):
    """This database may be a copy: nothing leaves it until an operator says so (`manage.py resume`)."""

    code: ClassVar[str] = "installation_held"

    def __init__(self) -> None:
        super().__init__("Le site est en cours de restauration : rien n'est envoyé ni enregistré pour l'instant.")
