"""Webhook URLs: https to public addresses only, however they are written (SSRF)."""

import ipaddress
import socket
import time

import pytest
from django.utils import timezone

from tests.refusals import refuses
from tests.webhooks.events import deliver_due, emit_events, make_issued_event
from tests.webhooks.name_server import NameServer
from tests.webhooks.receiver import Receiver, respond_with
from webhooks import endpoints, leases, url_policy
from webhooks.models import Attempt, Delivery, WebhookEndpoint


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
def test_private_addresses_are_refused(strict, address):
    assert not url_policy.is_address_allowed(ipaddress.ip_address(address))
    written = f"[{address}]" if ":" in address else address
    with refuses("url_not_allowed", match="réseau privé"):
        url_policy.check_url(f"https://{written}:8443/")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_public_addresses_are_accepted(strict, address):
    assert url_policy.is_address_allowed(ipaddress.ip_address(address))


def test_the_operator_may_allow_a_private_network(strict, settings):
    settings.WEBHOOKS_PRIVATE_NETWORKS = [ipaddress.ip_network("10.0.0.0/8")]
    assert url_policy.is_address_allowed(ipaddress.ip_address("10.1.2.3"))
    assert url_policy.is_address_allowed(ipaddress.ip_address("::ffff:10.1.2.3"))
    assert not url_policy.is_address_allowed(ipaddress.ip_address("192.168.0.1"))


@pytest.mark.parametrize(
    ("url", "result"),
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
def test_a_visibly_invalid_url_is_refused_when_registered(strict, url, result):
    with refuses("url_not_allowed", match=result):
        url_policy.check_url(url)


@pytest.mark.parametrize("url", ["https://si.exemple.fr/crochet?cle=1", "https://93.184.216.34:8443/", "https://a/"])
def test_an_ordinary_url_is_accepted(strict, url):
    url_policy.check_url(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001", "localhost"]
)
def test_no_connection_is_made_to_a_private_address(endpoint, receiver, settings, host):
    settings.WEBHOOKS_PRIVATE_NETWORKS = []
    port = receiver.url.rpartition(":")[2]
    WebhookEndpoint.objects.update(url=f"http://{host}:{port}")
    emit_events(make_issued_event(1))
    assert deliver_due(endpoint) == 0
    # Legacy numeric forms of an address are not resolved.
    refused = leases.INVALID_URL if host in ("127.1", "2130706433") else leases.HOST_UNREACHABLE
    assert Delivery.objects.get().reason == refused
    assert not receiver.connections


def test_of_the_addresses_of_a_name_the_public_ones_alone_are_tried(endpoint, receiver, settings, monkeypatch):
    """A name server answers with both, so that the second is tried once the first does not answer."""
    settings.WEBHOOKS_PRIVATE_NETWORKS = []
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    named = ["93.184.216.34", "127.0.0.1"]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in named]
    )
    asked = []

    def socket_for(address):
        asked.append(address[4][0])
        if asked[-1] == named[0]:
            # It does not answer.
            raise OSError
        return real(address)

    real = url_policy.create_socket
    monkeypatch.setattr("webhooks.http_client.create_socket", socket_for)
    WebhookEndpoint.objects.update(url=f"http://double.exemple:{port}/")
    emit_events(make_issued_event(1))
    assert deliver_due(endpoint) == 0
    assert (asked[0], {*asked}) == (named[0], {*named})
    assert Delivery.objects.get().reason == leases.HOST_UNREACHABLE
    assert not receiver.connections


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_receiver_leads_to_no_other_address(endpoint, receiver, status):
    with Receiver() as inside:
        receiver.behaviour = respond_with(status, Location=inside.url)
        emit_events(make_issued_event(1))
        assert deliver_due(endpoint) == 0
        assert (len(receiver.received), inside.connections) == (1, 0)
    assert Delivery.objects.get().reason == leases.explain_status(status)


#: An address of this machine that stands for a public one, and one that stands for a private one.
PUBLIC_HERE, PRIVATE_HERE = "127.0.0.2", "127.0.0.1"


@pytest.fixture
def two_sites(nimes, settings):
    """Two servers at one port: at an address that webhooks may go to, and at one that they may not."""
    settings.WEBHOOKS_ALLOW_HTTP = True
    settings.WEBHOOKS_PRIVATE_NETWORKS = [ipaddress.ip_network(PUBLIC_HERE)]
    with Receiver(host=PUBLIC_HERE) as outside, Receiver(host=PRIVATE_HERE, port=outside.port) as inside:
        yield outside, inside


def register(name, port):
    return endpoints.add(url=f"http://{name}:{port}/", types=[], by_id=None, at=timezone.now()).endpoint


def test_a_name_server_that_changes_its_mind_leads_nowhere_else(two_sites, monkeypatch):
    """Of a name whose address was public, and is private at the next question: each attempt asks, once."""
    outside, inside = two_sites
    endpoint = register("change.exemple", outside.port)
    with NameServer([[PUBLIC_HERE], [PRIVATE_HERE]]) as names:
        monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
        emit_events(make_issued_event(1))
        assert deliver_due(endpoint) == 1
        emit_events(make_issued_event(2))
        assert deliver_due(endpoint) == 0
    assert names.asked == ["change.exemple"] * 2
    assert (len(outside.received), inside.connections) == (1, 0)
    assert Delivery.objects.get(subject="allocation:2").reason == leases.HOST_UNREACHABLE


def test_a_name_with_both_addresses_is_reached_at_the_public_one(two_sites, monkeypatch):
    outside, inside = two_sites
    endpoint = register("double.exemple", outside.port)
    with NameServer([[PRIVATE_HERE, PUBLIC_HERE]]) as names:
        monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
        emit_events(make_issued_event(1))
        assert deliver_due(endpoint) == 1
    assert (names.asked, inside.connections) == (["double.exemple"], 0)


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_of_a_public_server_to_a_private_one_is_not_followed(two_sites, monkeypatch, status):
    """Neither to the other's address, nor to its own name, which is private by then."""
    outside, inside = two_sites
    endpoint = register("change.exemple", outside.port)
    places = [inside.url, f"http://change.exemple:{inside.port}/"]
    with NameServer([[PUBLIC_HERE], [PUBLIC_HERE], [PRIVATE_HERE]]) as names:
        monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
        for number, place in enumerate(places, 1):
            outside.behaviour = respond_with(status, Location=place)
            WebhookEndpoint.objects.update(failing_since=None, failures=0, paused_until=None)
            emit_events(make_issued_event(number))
            assert deliver_due(endpoint) == 0
    assert names.asked == ["change.exemple"] * 2
    assert (len(outside.received), inside.connections) == (2, 0)
    assert {*Delivery.objects.values_list("reason", flat=True)} == {leases.explain_status(status)}


@pytest.mark.slow
def test_a_private_name_and_an_absent_one_fail_alike(endpoint, settings, monkeypatch):
    settings.WEBHOOKS_PRIVATE_NETWORKS = []

    def look_up(host, *_):
        if host == "interne.exemple":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))]
        time.sleep(0.05)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for number, host in enumerate(("interne.exemple", "absent.exemple")):
        WebhookEndpoint.objects.update(url=f"http://{host}/", failing_since=None, failures=0, paused_until=None)
        emit_events(make_issued_event(number))
        assert deliver_due(endpoint) == 0
    seen = set(Attempt.objects.values_list("status", "reason", "answer", "duration"))
    assert seen == {(None, leases.HOST_UNREACHABLE, "", 0)}


def test_the_address_is_checked_again_at_each_attempt(endpoint, receiver, settings):
    settings.WEBHOOKS_ALLOW_HTTP = False
    emit_events(make_issued_event(1))
    assert deliver_due(endpoint) == 0
    assert "https" in Delivery.objects.get().reason
    assert not receiver.connections


def test_environment_proxies_are_ignored(endpoint, receiver, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    emit_events(make_issued_event(1))
    assert deliver_due(endpoint) == 1


def test_an_untrusted_certificate_is_refused(nimes, receiver, tmp_path):
    """The connection to a server with an untrusted certificate fails before any data is sent."""
    url = receiver.url.replace("http://", "https://")
    endpoint = endpoints.add(url=url, types=[], by_id=None, at=timezone.now()).endpoint
    emit_events(make_issued_event(1))
    assert deliver_due(endpoint) == 0
    assert "TLS" in Delivery.objects.get().reason
    assert not receiver.received
