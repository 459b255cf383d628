"""A school whose principal is verified, with a subscription of three licences."""

from __future__ import annotations

import pytest

from tests.invitations.inviting_school import InvitingSchool


@pytest.fixture
def jaures(nimes):
    return InvitingSchool()


@pytest.fixture
def committed_jaures(committing):
    return InvitingSchool()
