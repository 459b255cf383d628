import pytest

from installation import hold


@pytest.fixture(autouse=True)
def _forgets_answers():
    hold.forget()
    yield
    hold.forget()
