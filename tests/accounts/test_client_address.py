"""The client's IP address behind proxies, with forged headers."""

from __future__ import annotations

import pytest

from accounts.client_ip import get_client_ip


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "client"),  # TRUSTED_PROXIES, X-Forwarded-For, the connection, the client
    [
        (0, "", "192.0.2.7", "192.0.2.7"),
        (0, "198.51.100.1", "192.0.2.7", "192.0.2.7"),
        (1, "198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (1, "203.0.113.66, 198.51.100.1", "10.0.0.1", "198.51.100.1"),
        (2, "203.0.113.66, 198.51.100.1, 10.0.0.2", "10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "10.0.0.1", "10.0.0.1"),
        (1, "", "10.0.0.1", "10.0.0.1"),
        (1, "unknown", "10.0.0.1", "10.0.0.1"),
        (1, "2001:db8::1", "10.0.0.1", "2001:db8::1"),
        (0, "", "", "0.0.0.0"),  # noqa: S104
    ],
)
def test_the_client_address_is_the_one_behind_trusted_proxies(rf, settings, proxies, forwarded, remote, client):  # noqa: PLR0917
    settings.TRUSTED_PROXIES = proxies
    request = rf.get("/", REMOTE_ADDR=remote, headers={"X-Forwarded-For": forwarded} if forwarded else {})
    assert get_client_ip(request) == client
