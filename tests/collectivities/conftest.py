"""A manager of Nîmes, and their browser at the office."""

import pytest

from collectivities.capabilities import Role
from tests.factories.collectivities import MemberFactory


@pytest.fixture
def manager(nimes):
    return MemberFactory(roles=[Role.MANAGER])


@pytest.fixture
def bureau(office, manager):
    return office("nimes", manager.user)
