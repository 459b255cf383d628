"""A school that asks, in a test's transaction or with real commits."""

import pytest

from tests.requests.asking_school import AskingSchool


@pytest.fixture
def jaures(nimes):
    return AskingSchool()


@pytest.fixture
def committed_jaures(committing):
    return AskingSchool()
