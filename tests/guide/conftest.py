"""The story that the printed guide tells."""

import pytest

from tests.guide.scenario import GuideScenario


@pytest.fixture
def story(nimes):
    return GuideScenario(nimes)
