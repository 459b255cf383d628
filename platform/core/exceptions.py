"""Base classes of domain exceptions, which pages and the API report alike; what an exception comes from."""

from collections.abc import Iterator


class DomainError(Exception):
    """A business rule was violated; nothing was changed.

    `code` is stable, for programs and tests; `sentence` is a complete French sentence, shown to people as it is.
    """

    code: str = "refused"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Refusal(DomainError):
    """A rule that no code catches by name: `raise Refusal("pool_closed", "Ce lot est clos.")`.

    A class of its own is for what some code catches, or what holds more than its sentence.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class TooManyTries(DomainError):
    """Somebody has to wait: `retry_after` seconds."""

    code = "too_many_attempts"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


def iter_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the exception and, one after another, those it comes from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
