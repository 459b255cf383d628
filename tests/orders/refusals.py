"""An assertion about refused operations."""

from __future__ import annotations

import pytest

from licensing.exceptions import LicensingError


def assert_refused(code, act, /, *given, **named):
    """Assert that the call raises a refusal with that code; return its message with plain spaces."""
    with pytest.raises(LicensingError) as refusal:
        act(*given, **named)
    assert refusal.value.code == code
    return str(refusal.value).replace("\xa0", " ")
