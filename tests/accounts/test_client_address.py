"""The client's IP address behind proxies, with forged headers."""

import pytest

from accounts import known_origins
from accounts.known_origins import get_client_ip


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


def test_proxies_that_are_declared_and_not_there_are_logged_once(rf, settings, caplog):
    known_origins._warn_of_missing_proxies.cache_clear()  # noqa: SLF001 - as in a new process
    settings.TRUSTED_PROXIES = 2
    for forwarded in ("198.51.100.1, 10.0.0.2", "", "198.51.100.1", "198.51.100.2"):
        known_origins.get_client_ip(rf.get("/", headers={"X-Forwarded-For": forwarded} if forwarded else {}))
    (message,) = caplog.messages
    assert "fewer proxies than TRUSTED_PROXIES (2) says" in message
