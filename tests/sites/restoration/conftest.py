import pytest
from django.utils import timezone

from installation import hold
from webhooks import endpoints


@pytest.fixture(autouse=True)
def _forgets_answers():
    hold.forget()
    yield
    hold.forget()


@pytest.fixture
def endpoint(nimes):
    """An endpoint of Nîmes for all event types."""
    return endpoints.add(url="https://receiver.example/events", types=[], by_id=None, at=timezone.now()).endpoint
