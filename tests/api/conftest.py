import pytest

from tests.api.client import create_client


@pytest.fixture
def api(nimes):
    """An API client of Nîmes with every scope, in the schema of Nîmes."""
    return create_client()
