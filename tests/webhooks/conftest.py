from __future__ import annotations

import ipaddress

import pytest
from django.utils import timezone

from tests.webhooks.receiver import Receiver
from webhooks import endpoints


@pytest.fixture
def reachable(settings):
    """This machine's own servers may be told, as where an operator allows its network."""
    settings.WEBHOOKS_ALLOW_HTTP = True
    settings.WEBHOOKS_PRIVATE_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver(reachable):
    """A server that takes what it is told."""
    with Receiver() as listening:
        yield listening


@pytest.fixture
def endpoint(nimes, receiver):
    """Nîmes tells the receiver everything; Nîmes is entered."""
    return endpoints.add(url=receiver.url, types=[], by_id=None, at=timezone.now()).endpoint
