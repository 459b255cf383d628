"""Refusals: what the rules of licensing do not allow, said so that the person who asked can do something about it."""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):
    """A rule says no; nothing was changed.

    `code` is stable, for programs and tests; the sentence is French, complete, and shown to people as it stands.
    Each refusal is a subclass with its own code: `raise NoSeatLeft("Les 5 clés de cet abonnement…")`.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
