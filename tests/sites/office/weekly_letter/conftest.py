"""A lot, a manager, and the moment at which letters are rendered."""

import pytest
from django.utils import timezone

from collectivities.models import OfficeSettings
from licensing.orders import operations as orders
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory


@pytest.fixture
def pool(nimes):
    OfficeSettings.objects.create(reply_to="education@nimes.example")
    return orders.grant(collectivity=nimes, licences=100, reason="Essai", name="Lot A", by=None, at=TERM)


@pytest.fixture
def manager(nimes):
    return MemberFactory(user=UserFactory(first_name="Nadia", email="nadia@nimes.example"))


@pytest.fixture
def clock(monkeypatch):
    def set_to(at):
        monkeypatch.setattr(timezone, "now", lambda: at)

    return set_to
