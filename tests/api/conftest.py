from __future__ import annotations

import pytest

from tests.api.program import program


@pytest.fixture
def api(nimes):
    """An API client of Nîmes with every scope, in the schema of Nîmes."""
    return program()
