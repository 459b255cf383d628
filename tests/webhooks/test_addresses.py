"""A webhook leads to the internet by https, and into no network of ours, however it is written."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from django.utils import timezone

from tests.webhooks.happenings import happen, issued, told
from webhooks import addresses, answers, endpoints, sending
from webhooks.models import Delivery, Endpoint


@pytest.fixture
def strict(settings):
    settings.WEBHOOKS_ALLOW_HTTP = False
    settings.WEBHOOKS_PRIVATE_NETWORKS = []


PRIVATE = [
    "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104 - asked about, not bound to
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::", "::1", "::10.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1", "fc00::1", "fd12::1", "fec0::1",
    "ff02::1", "2001:db8::1", "2001::1", "2002:a00:1::", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_these_are_nobodys_business(strict, address):
    assert not addresses.is_allowed(ipaddress.ip_address(address))
    written = f"[{address}]" if ":" in address else address
    with pytest.raises(addresses.AddressRefused, match="réseau privé"):
        addresses.check(f"https://{written}:8443/")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_these_are_on_the_internet(strict, address):
    assert addresses.is_allowed(ipaddress.ip_address(address))


def test_the_operator_may_allow_a_network_of_his(strict, settings):
    settings.WEBHOOKS_PRIVATE_NETWORKS = [ipaddress.ip_network("10.0.0.0/8")]
    assert addresses.is_allowed(ipaddress.ip_address("10.1.2.3"))
    assert addresses.is_allowed(ipaddress.ip_address("::ffff:10.1.2.3"))
    assert not addresses.is_allowed(ipaddress.ip_address("192.168.0.1"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://si.exemple.fr/", "https"),
        ("ftp://si.exemple.fr/", "adresse complète"),
        ("si.exemple.fr", "adresse complète"),
        ("https://", "adresse complète"),
        ("https:///chemin", "n'en est pas une"),
        ("https://si.exemple.fr:99999/", "n'en est pas une"),
        ("https://si.exemple.fr:0/", "n'en est pas une"),
        ("https://[::1/", "n'en est pas une"),
        ("https://moi:secret@si.exemple.fr/", "mot de passe"),
        ("https://moi@si.exemple.fr/", "mot de passe"),
        ("https://si.exemple.fr/#ici", "« # »"),
        ("https://si.exemple.fr/un chemin", "adresse complète"),
        ("https://si.exemple.fr/\n", "adresse complète"),
        ("https://mairie-nîmes.fr/", "adresse complète"),
        ("https://localhost/", "réseau privé"),
        ("https://LOCALHOST./", "réseau privé"),
    ],
)
def test_what_can_be_seen_in_an_address_is_refused_when_it_is_written(strict, url, said):
    with pytest.raises(addresses.AddressRefused, match=said):
        addresses.check(url)


@pytest.mark.parametrize("url", ["https://si.exemple.fr/crochet?cle=1", "https://93.184.216.34:8443/", "https://a/"])
def test_an_ordinary_address_is_taken(strict, url):
    addresses.check(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001", "localhost"]
)
def test_no_connection_is_made_to_a_private_address_however_it_is_written(endpoint, receiver, settings, host):
    settings.WEBHOOKS_PRIVATE_NETWORKS = []
    port = receiver.url.rpartition(":")[2]
    Endpoint.objects.update(url=f"http://{host}:{port}")
    happen(issued(1))
    assert told(endpoint) == 0
    # Figures that are no address as they are written today are not even looked up.
    refused = answers.NO_ADDRESS if host in ("127.1", "2130706433") else addresses.PRIVATE
    assert Delivery.objects.get().reason == refused
    assert not receiver.connections


def test_a_name_that_changes_its_mind_gains_nothing(endpoint, receiver, settings, monkeypatch):
    """What was looked up is what is connected to; and it is what was checked."""
    settings.WEBHOOKS_PRIVATE_NETWORKS = []
    answers_of_the_name = iter(["93.184.216.34", "127.0.0.1"])
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    asked = []

    def look_up(host, *_):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers_of_the_name), port))]

    checked = []

    def socket_for(address):
        checked.append(address[4][0])
        # The first is on the internet, which this machine may not reach: what would be connected to is enough.
        if len(checked) == 1:
            assert addresses.is_allowed(ipaddress.ip_address(checked[0]))
            raise OSError
        return real(address)

    real = addresses.socket_for
    monkeypatch.setattr(sending.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(addresses, "socket_for", socket_for)
    Endpoint.objects.update(url=f"http://change.exemple:{port}/")
    for number in (1, 2):
        Endpoint.objects.update(failing_since=None, failures=0, paused_until=None)
        happen(issued(number))
        assert told(endpoint) == 0
    assert asked == ["change.exemple"] * 2
    assert checked == ["93.184.216.34", "127.0.0.1"]
    assert Delivery.objects.get(subject="allocation:2").reason == addresses.PRIVATE
    assert not receiver.connections


def test_what_was_allowed_once_is_asked_again_at_each_try(endpoint, receiver, settings):
    settings.WEBHOOKS_ALLOW_HTTP = False
    happen(issued(1))
    assert told(endpoint) == 0
    assert "https" in Delivery.objects.get().reason
    assert not receiver.connections


def test_proxies_of_the_environment_are_not_asked(endpoint, receiver, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    happen(issued(1))
    assert told(endpoint) == 1


def test_a_certificate_that_nobody_knows_is_refused(nimes, receiver, tmp_path):
    """The connection to a server without a certificate of anybody's fails before a byte of the event is sent."""
    url = receiver.url.replace("http://", "https://")
    endpoint = endpoints.add(url=url, types=[], by_id=None, at=timezone.now()).endpoint
    happen(issued(1))
    assert told(endpoint) == 0
    assert "TLS" in Delivery.objects.get().reason
    assert not receiver.received
