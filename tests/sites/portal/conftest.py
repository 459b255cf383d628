"""Principals and teachers, signed in at the portal."""

import pytest

from tests.entitlements.conftest import elsewhere
from tests.entitlements.school_scenario import SchoolScenario

__all__ = ["elsewhere"]


@pytest.fixture
def jaures(nimes):
    """A school with its principal; everything is read from the public schema, as the portal does."""
    return SchoolScenario()


@pytest.fixture
def as_(portal):
    """Returns a function that signs a user in at the portal and returns the browser."""

    def sign_in(user):
        portal.force_login(user)
        return portal

    return sign_in
