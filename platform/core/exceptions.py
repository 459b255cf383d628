"""Base class of domain exceptions, which pages and the API report alike."""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """A business rule was violated; nothing was changed.

    `code` is stable, for programs and tests; `sentence` is a complete French sentence, shown to people as it is.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
