"""The operator, signed in at the portal."""

from __future__ import annotations

import pytest

from tests.factories.accounts import UserFactory


@pytest.fixture
def operator(portal):
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    return portal
