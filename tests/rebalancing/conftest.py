"""A rebalancing in which another act begins."""

from __future__ import annotations

import threading
import time

import pytest

from licensing.pools import operations as pools


@pytest.fixture
def giving_slowly(monkeypatch):
    """Have rebalancings pause once they have taken, before they give; return the event of what is taken."""
    taken, allocate_many = threading.Event(), pools.allocate_many

    def allocate_slowly(**arguments):
        taken.set()
        time.sleep(0.5)
        return allocate_many(**arguments)

    monkeypatch.setattr(pools, "allocate_many", allocate_slowly)
    return taken
