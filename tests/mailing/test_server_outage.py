"""That our mail server takes nothing: noted with the first attempt in vain, until it takes something."""

import datetime
import socket

import pytest
from django.utils import timezone

from bench.mail_outage import play_outage
from bounces.models import MailServerOutage
from mailing import mail_server, smtp_replies
from mailing.dispatch import drain
from mailing.mail_server import ServerWatch
from mailing.models import Message, MessageState
from tests.smtp_sink import OUR_FAULTS, SinkBehaviour

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def mailer(settings):
    """Leads the mailer to a port of this machine where nobody takes e-mails."""

    def lead(port, seconds=5):
        settings.MAILERS = {
            "default": {
                "BACKEND": "mailing.mail_server.EmailBackend",
                "OPTIONS": {"host": "127.0.0.1", "port": port, "timeout": seconds},
            }
        }

    return lead


@pytest.fixture
def closed_port():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def find_since(at):
    outage = mail_server.find_outage(at)
    return None if outage is None else outage.failing_since


@pytest.mark.parametrize("fail", OUR_FAULTS, ids=lambda fail: fail.__name__)
def test_it_is_noted_from_the_first_attempt_in_vain_until_something_is_taken(fail, nimes, sink, queue):
    now = timezone.now() + MINUTE
    fail(sink)
    queue()
    drain(clock=lambda: now)
    assert drain(clock=lambda: now + 3 * MINUTE) == 0
    outage = mail_server.find_outage(now + 3 * MINUTE)
    assert (outage.failing_since, outage.failed_at) == (now, now + 3 * MINUTE)
    assert outage.failure == Message.objects.get().reason
    assert mail_server.is_lasting(outage, now + 3 * MINUTE)
    assert not mail_server.is_lasting(outage, now + 2.9 * MINUTE)
    sink.behaviour = SinkBehaviour()
    assert drain(clock=lambda: now + 20 * MINUTE) == 1
    assert not MailServerOutage.objects.exists()


def test_it_is_noted_where_nobody_listens(nimes, mailer, closed_port, queue):
    now = timezone.now() + MINUTE
    mailer(closed_port)
    queue()
    drain(clock=lambda: now)
    assert find_since(now) == now


def test_while_a_silent_server_is_waited_for_it_is_noted_already(nimes, mailer, queue, monkeypatch):
    monkeypatch.setattr("mailing.mail_server._WAIT_INTERVAL", 0.05)
    seen = []
    note = ServerWatch.note_failure

    def spy(watch, failure, *, since):
        note(watch, failure, since=since)
        seen.append(Message.objects.get().state)

    monkeypatch.setattr(ServerWatch, "note_failure", spy)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mailer(mute.getsockname()[1], seconds=0.2)
        queue()
        drain()
    assert seen[0] == MessageState.SENDING
    assert seen[-1] == MessageState.DEFERRED


def test_a_server_that_refuses_one_letter_for_good_works_and_one_that_puts_it_off_may_not(nimes, sink, mailer, queue):
    now = timezone.now() + MINUTE
    ServerWatch(lambda: now).note_failure(smtp_replies.UNREACHABLE, since=now)
    queue()
    sink.behaviour.recipients["ecole0@exemple.example"] = "451 4.7.1 Greylisted"
    drain(clock=lambda: now)
    assert find_since(now) == now
    sink.behaviour.recipients["ecole0@exemple.example"] = "550 5.1.1 User unknown"
    drain(clock=lambda: now + 6 * MINUTE)
    assert find_since(now + 6 * MINUTE) is None


def test_where_nothing_is_tried_any_more_it_is_forgotten(nimes):
    now = timezone.now()
    ServerWatch(lambda: now).note_failure(smtp_replies.UNREACHABLE, since=now)
    assert find_since(now + 10 * MINUTE) == now
    assert find_since(now + 11 * MINUTE) is None
    later = now + 11 * MINUTE
    ServerWatch(lambda: later).note_failure(smtp_replies.UNREACHABLE, since=later)
    assert find_since(later) == later


def test_what_was_taken_before_it_began_does_not_end_it(nimes):
    now = timezone.now()
    ServerWatch(lambda: now).note_failure(smtp_replies.UNREACHABLE, since=now)
    ServerWatch(lambda: now).note_answer(at=now - MINUTE)
    assert find_since(now) == now


@pytest.mark.slow
def test_after_an_outage_every_letter_arrives_once_and_the_operator_knew_of_it(db):
    """But the one that the server took without an answer, of which docs/deploy.md tells."""
    played = play_outage(8)
    assert played.failures() == []
    assert played.queued["key"] == 32
    assert played.queued["key_reminder"] == played.queued["account.reset"] == played.queued["invitation"] == 8
    assert played.allowed_copies == 1
