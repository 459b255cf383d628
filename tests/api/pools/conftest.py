import pytest
from django.utils import timezone

from licensing.orders import operations as orders


@pytest.fixture
def pool(nimes):
    """A pool of Nîmes that holds a hundred licences."""
    return orders.grant(collectivity=nimes, licences=100, reason="Essai", name="Lot A", by=None, at=timezone.now())
