from __future__ import annotations

import pytest

from tests.api.program import program


@pytest.fixture
def api(nimes):
    """A program of Nîmes with every scope; Nîmes is entered."""
    return program()
