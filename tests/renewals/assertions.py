"""What holds after each act on a renewal."""

from licensing.pools.positions import list_pool_positions
from sites.audit.checks import check_all


def assert_sound():
    """Assert that positions add up and that no invariant is broken."""
    assert all(position.is_balanced for position in list_pool_positions())
    assert not {found.code: found.examples for found in check_all() if found.broken}
