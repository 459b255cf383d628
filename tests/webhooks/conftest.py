import ipaddress

import pytest
from django.utils import timezone

from tests.webhooks.receiver import Receiver
from webhooks import endpoints


@pytest.fixture
def reachable(settings):
    """Allow webhooks to localhost, as an operator may allow a private network."""
    settings.WEBHOOKS_ALLOW_HTTP = True
    settings.WEBHOOKS_PRIVATE_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver(reachable):
    """A server that accepts every event."""
    with Receiver() as listening:
        yield listening


@pytest.fixture
def endpoint(nimes, receiver):
    """An endpoint of Nîmes for all event types, in the schema of Nîmes."""
    return endpoints.add(url=receiver.url, types=[], by_id=None, at=timezone.now()).endpoint
