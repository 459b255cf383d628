"""What tests of allocations by API assert of a refused request."""

from collectivities.models import AuditEntry
from licensing.entitlements.models import ActivationKey
from licensing.pools.models import Allocation, Pool
from mailing.models import Message


def assert_nothing_allocated(pool):
    """Assert that the refused request left no allocation, key, message or journal entry."""
    assert not Allocation.objects.exists()
    assert not ActivationKey.objects.exists()
    assert not Message.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="pools.allocated").exists()
    assert Pool.objects.get(pk=pool.pk).allocated == 0
