"""Base class of domain exceptions, which pages and the API report alike; what an exception comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar


class DomainError(Exception):
    """A business rule was violated; nothing was changed.

    `code` is stable, for programs and tests; `sentence` is a complete French sentence, shown to people as it is.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def iter_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the exception and, one after another, those it comes from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
