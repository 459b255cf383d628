"""A rebalancing in which another act begins."""

import threading
from types import SimpleNamespace

import pytest

from licensing.pools import operations as pools
from tests.races import wait_for_blocked_session


@pytest.fixture
def giving_slowly(monkeypatch):
    """Have rebalancings pause once they have taken, until another waits for them; return the event of what is taken."""
    taken, allocate_many = threading.Event(), pools.allocate_many

    def allocate_slowly(**arguments):
        taken.set()
        wait_for_blocked_session()
        return allocate_many(**arguments)

    # In rebalancings alone: the tests give licences by it as well.
    slow = SimpleNamespace(**{**vars(pools), "allocate_many": allocate_slowly})
    monkeypatch.setattr("licensing.plans.rebalancing.operations.pools", slow)
    return taken
