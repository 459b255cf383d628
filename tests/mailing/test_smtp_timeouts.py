"""How long each phase of a conversation is waited for, over real sockets."""

import datetime
import itertools
import socket
import threading

import pytest
from django.core.mail import mailers
from django.utils import timezone

from mailing import dispatch, mail_server
from mailing.dispatch import drain
from mailing.mail_server import SmtpTimeouts
from mailing.models import Message, MessageState
from tests.waits import LAST_S


@pytest.fixture
def timeouts(sink, monkeypatch, settings):
    """Sets the backend's phases, to less than minutes, and its port."""

    def set_phases(*, port=sink.port, **phases):
        monkeypatch.setattr("mailing.mail_server.SmtpTimeouts", lambda: SmtpTimeouts()._replace(**phases))
        options = {"host": sink.hostname, "port": port}
        settings.MAILERS = {"default": {"BACKEND": "mailing.mail_server.EmailBackend", "OPTIONS": options}}

    return set_phases


def test_the_phases_are_those_of_rfc_5321():
    phases = SmtpTimeouts()
    assert (phases.greeting, phases.command, phases.data, phases.block, phases.final_dot) == (300, 300, 120, 180, 600)


def test_the_mailer_of_the_settings_waits_ten_minutes_at_the_final_dot(settings):
    settings.MAILERS = {
        "default": {"BACKEND": "mailing.mail_server.EmailBackend", "OPTIONS": {"host": "127.0.0.1", "port": 1}}
    }
    mailer = mailers.default
    assert isinstance(mailer, mail_server.EmailBackend)
    assert mailer.timeouts.final_dot == 600


def test_the_final_dot_is_waited_for_longer_than_commands(nimes, sink, queue, timeouts):
    timeouts(command=1.0, final_dot=LAST_S)
    sink.behaviour.delay = 1.3
    queue(1)
    assert drain() == 1
    assert sink.accepted == 1


def test_a_final_dot_that_is_never_answered_ends_in_time_and_may_have_been_accepted(nimes, sink, queue, timeouts):
    timeouts(final_dot=0.3)
    sink.behaviour.delay = LAST_S
    queue(1)
    assert drain() == 0
    [message] = Message.objects.all()
    assert (message.state, message.unanswered) == (MessageState.DEFERRED, 1)


def test_leases_are_renewed_while_a_server_makes_us_wait(nimes, sink, queue, timeouts, settings):
    timeouts(final_dot=LAST_S)
    settings.MAIL_LEASE = 3
    sink.behaviour.delay = 4.5
    queue(1)
    renewals = []
    renew = dispatch.renew

    def count(messages, *, at):
        renewals.append(at)
        return renew(messages, at=at)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mailing.mail_server._WAIT_INTERVAL", 0.1)
        patched.setattr("mailing.dispatch.renew", count)
        assert drain() == 1
    assert len(renewals) >= 4
    assert max(b - a for a, b in itertools.pairwise(renewals)) < datetime.timedelta(seconds=3)


def test_a_server_that_greets_nobody_is_left_in_time(nimes, queue, timeouts):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        timeouts(port=mute.getsockname()[1], greeting=0.2)
        queue(2)
        assert drain() == 0
    assert {message.unanswered for message in Message.objects.all()} == {0}


def test_the_option_timeout_shortens_every_phase():
    assert set(SmtpTimeouts().capped(4)) == {4}
    assert SmtpTimeouts().capped(200).data == 120


def test_a_line_cut_before_the_greeting_costs_no_attempt(nimes, queue, timeouts):
    with socket.create_server(("127.0.0.1", 0)) as server:
        timeouts(port=server.getsockname()[1])

        def hang_up():
            server.accept()[0].close()

        threading.Thread(target=hang_up).start()
        queue(1)
        assert drain() == 0
    message = Message.objects.get()
    assert (message.state, message.attempts) == (MessageState.DEFERRED, 0)
    assert message.due_at > timezone.now()
