"""The operator, signed in at the portal; and a client."""

import pytest
from django.utils import timezone

from collectivities.capabilities import Role
from licensing.orders import operations
from sites.back_office import invitations as invitation_pages
from tests.factories.accounts import OperatorFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.orders import PurchaseFactory


@pytest.fixture
def operator(portal):
    portal.force_login(OperatorFactory())
    return portal


@pytest.fixture
def bought(nimes):
    """Nîmes has bought a lot, given a part of it, and owes what it costs; and has people."""
    buyer = MemberFactory(roles=[Role.BUYER, Role.MANAGER]).user
    order = PurchaseFactory(current=True, confirmed=True, units=100, by=buyer)
    operations.grant(collectivity=nimes, licences=10, reason="Essai", name="Lot d'essai", by=None, at=timezone.now())
    return order


@pytest.fixture
def no_offices(monkeypatch):
    """Read no invitation of an office: for collectivities without a schema, which takes some seconds to make."""
    monkeypatch.setattr(invitation_pages, "query_all", lambda *_: [])
