"""What an operation on an order does not do, and says why."""

from __future__ import annotations

import pytest

from licensing.exceptions import Refused


def refused(code, act, /, *given, **named):
    """Assert that the act is refused with that code, and return what is said, its spaces plain."""
    with pytest.raises(Refused) as refusal:
        act(*given, **named)
    assert refusal.value.code == code
    return str(refusal.value).replace("\xa0", " ")
