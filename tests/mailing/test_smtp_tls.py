"""The line to the mail server, encrypted in either way, and whose certificates are trusted."""

import ipaddress
import ssl

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, mailers

from config.mail import build_mailer
from mailing.dispatch import drain
from mailing.models import Message, MessageState
from sites.demo.processes import find_free_port
from tests.certificates import write_certificate

HOST = "127.0.0.1"
VARIABLES = ("SMTP_HOST", "SMTP_PORT", "SMTP_STARTTLS", "SMTP_TLS", "SMTP_CA_FILE", "SMTP_USER", "SMTP_PASSWORD")


class Inbox:
    """Keeps what it is sent."""

    def __init__(self):
        self.received = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.received.append((server.transport.get_extra_info("ssl_object") is not None, envelope.rcpt_tos))
        return "250 OK"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """The certificate of our own authority, which is the server's as well, and the server's TLS."""
    address = x509.IPAddress(ipaddress.ip_address(HOST))
    certificate, private = write_certificate(tmp_path_factory.mktemp("authority"), address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return str(certificate), context


@pytest.fixture(params=["SMTP_STARTTLS", "SMTP_TLS"])
def server(request, authority, monkeypatch):
    """A mail server that takes nothing in the clear; the variables that lead to it, but for whom to trust."""
    inbox, (_, context), port = Inbox(), authority, find_free_port()
    options = (
        {"tls_context": context, "require_starttls": True}
        if request.param == "SMTP_STARTTLS"
        else {"ssl_context": context}
    )
    controller = Controller(inbox, hostname=HOST, port=port, **options)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SMTP_HOST", HOST)
    monkeypatch.setenv("SMTP_PORT", str(port))
    monkeypatch.setenv(request.param, "True")
    controller.start()
    yield inbox
    controller.stop()


def send(settings):
    settings.MAILERS = {"default": build_mailer("")}
    return mailers.default.send_messages([EmailMessage("Sujet", "Texte", "a@b.example", ["c@d.example"])])


def test_an_authority_of_our_own_is_trusted_where_it_is_named(server, authority, monkeypatch, settings):
    monkeypatch.setenv("SMTP_CA_FILE", authority[0])
    assert send(settings) == 1
    assert server.received == [(True, ["c@d.example"])]


def test_a_certificate_that_nobody_vouches_for_is_refused(server, settings):
    with pytest.raises(ssl.SSLCertVerificationError):
        send(settings)
    assert server.received == []


def test_an_e_mail_to_such_a_server_waits_and_says_why(server, nimes, queue, settings):
    settings.MAILERS = {"default": build_mailer("")}
    queue(1)
    assert drain() == 0
    [message] = Message.objects.all()
    assert message.state == MessageState.DEFERRED
    assert message.reason


@pytest.mark.parametrize(
    ("variables", "refusal"),
    [
        ({"SMTP_STARTTLS": "True", "SMTP_TLS": "True"}, "exclude each other"),
        ({"SMTP_CA_FILE": "/nothing/there.pem"}, "is read where"),
        ({"SMTP_TLS": "True", "SMTP_CA_FILE": "/nothing/there.pem"}, "No such file"),
        ({"SMTP_TLS": "True", "SMTP_CA_FILE": __file__}, "cannot be read as certificates in PEM"),
    ],
)
def test_variables_that_contradict_each_other_stop_the_start(monkeypatch, variables, refusal):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=refusal):
        build_mailer("")
