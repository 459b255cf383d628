"""The operator, signed in at the portal."""

from __future__ import annotations

import pytest

from tests.factories.accounts import OperatorFactory


@pytest.fixture
def operator(portal):
    portal.force_login(OperatorFactory())
    return portal
