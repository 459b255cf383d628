"""What holds after each act on a renewal."""

from licensing.pools.positions import list_pool_positions
from tests.sites.audit.violations import list_all_violations


def assert_sound():
    """Assert that positions add up and that no invariant is broken."""
    assert all(position.is_balanced for position in list_pool_positions())
    assert not list_all_violations()
