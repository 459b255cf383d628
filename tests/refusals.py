"""What a rule refuses, by its code."""

import contextlib
from collections.abc import Iterator

import pytest

from core.exceptions import DomainError


@contextlib.contextmanager
def refuses(code: str, match: str | None = None) -> Iterator[pytest.ExceptionInfo[DomainError]]:
    """Fail unless the block is refused with this code; `match`: a pattern of the sentence, as for `pytest.raises`."""
    with pytest.raises(DomainError, match=match) as refusal:
        yield refusal
    assert refusal.value.code == code
