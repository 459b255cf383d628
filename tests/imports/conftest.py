"""A pool, and members of its collectivity, signed in at the office."""

import pytest

from collectivities.capabilities import Role
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import PoolFactory


@pytest.fixture
def member(nimes):
    """Create a member of the current collectivity, `member(Role.MANAGER)`; return the user."""
    return lambda *roles: MemberFactory(roles=list(roles or [Role.MANAGER])).user


@pytest.fixture
def pool(nimes):
    return PoolFactory(capacity=100)


@pytest.fixture
def manager(office, member):
    return office("nimes", member(Role.MANAGER))


@pytest.fixture
def officer(office, member):
    return office("nimes", member(Role.DATA_OFFICER))
