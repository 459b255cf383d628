"""A class of three pupils, and the browser of its teacher."""

import pytest

from tests.classes.taught_class import TaughtClass
from tests.entitlements.school_scenario import SchoolScenario


@pytest.fixture
def taught(nimes):
    return TaughtClass(SchoolScenario(), pupils=3)


@pytest.fixture
def teacher(taught, portal):
    """The browser of the teacher."""
    portal.force_login(taught.teacher)
    return portal
