"""The school of the tests on keys and seats."""

import pytest
from django.utils import timezone

from schools.models import Affiliation
from tests.entitlements.school_scenario import SchoolScenario


@pytest.fixture
def jaures(nimes):
    return SchoolScenario()


@pytest.fixture
def committed_jaures(committing):
    return SchoolScenario()


@pytest.fixture
def elsewhere():
    """Create a user who typed their school by hand."""

    def make(factory):
        user = factory()
        Affiliation.objects.create(
            user=user, name="Ecole J. Jaurès", address="1 rue X", postal_code="30000", city="Nimes", country="France",
            since=timezone.now(),
        )  # fmt: skip
        return user

    return make
