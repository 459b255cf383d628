"""A school whose principal is verified, with a subscription of three licences."""

import pytest

from tests.invitations.inviting_school import InvitingSchool


@pytest.fixture
def jaures(nimes):
    return InvitingSchool()


@pytest.fixture
def committed_jaures(committing):
    return InvitingSchool()
