"""A pool opened now, and the browsers of a manager and of a viewer."""

import pytest
from django.utils import timezone

from collectivities.capabilities import Role
from licensing.orders import operations as orders
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def pool(nimes, now):
    return orders.grant(collectivity=nimes, licences=100, reason="Essai", name="Lot A", by=None, at=now)


@pytest.fixture
def member(nimes):
    """Create a member with these roles; return the user."""

    def make(*roles):
        user = UserFactory()
        MemberFactory(user=user, roles=list(roles))
        return user

    return make


@pytest.fixture
def manager(member, office):
    return office("nimes", member(Role.MANAGER))


@pytest.fixture
def viewer(member, office):
    return office("nimes", member(Role.VIEWER))
