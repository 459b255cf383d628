"""Sending e-mails: everything a mail server may answer, over a real socket."""

import datetime
import socket

import pytest
from django.utils import timezone

from jobs.periodic_tasks import shutdown_requested
from mailing import dispatch, kinds, operations, smtp_replies
from mailing.dispatch import drain
from mailing.models import Message, MessageState, get_early_release
from tests.waiting_jobs import list_waiting_jobs

MINUTE = datetime.timedelta(minutes=1)


def is_drain_planned(moment):
    """Whether a job waits for the first full second from the moment on."""
    starts = [job["scheduled_at"] for job in list_waiting_jobs("mailing.drain") if job["scheduled_at"]]
    return any(moment <= start < moment + datetime.timedelta(seconds=1) for start in starts)


def states():
    return list(Message.objects.order_by("pk").values_list("state", flat=True))


@pytest.mark.slow
def test_messages_leave_over_one_connection_and_each_outcome_is_noted(nimes, sink, queue):
    messages = queue(120)
    assert drain() == 120
    assert sink.connections == 1
    assert len(sink.received) == 120
    assert set(states()) == {MessageState.SENT}
    message = Message.objects.get(pk=messages[0].pk)
    assert message.sent_at is not None
    assert message.attempts == 1
    assert message.lease_until is None
    assert message.message_id == str(sink.received[0].email["Message-ID"])


def test_a_message_reads_as_its_owner_wrote_it_under_our_headers(nimes, sink, queue, settings):
    [message] = queue()
    drain()
    received = sink.received[0].email
    assert received["Subject"] == f"Message n° {message.pk}"
    assert str(received["From"]) == "Ville de Nîmes <ne-pas-repondre@peps.localhost>"
    assert received["To"] == "ecole0@exemple.example"
    assert received["Reply-To"] == "education@nimes.example"
    assert received["Message-ID"].startswith(f"<c_nimes.{message.pk}.")
    assert received["Message-ID"].endswith("@peps.localhost>")
    assert received["Auto-Submitted"] == "auto-generated"
    assert received["List-Id"] == "<note.c-nimes.peps.localhost>"
    assert f"message n° {message.pk}" in received.get_body(("plain",)).get_content()
    assert f"message n° {message.pk}" in received.get_body(("html",)).get_content()


def test_a_name_cannot_smuggle_a_header(nimes, sink):
    kinds.register(
        "bad",
        label="",
        render=lambda _: kinds.RenderedEmail(subject="a\nBcc: x@y.example", text="", from_name="b\r\nX: y"),
    )
    operations.enqueue(kind="bad", recipient="a@exemple.example", at=timezone.now())
    drain()
    kinds.unregister("bad")
    received = sink.received[0].email
    assert received["Subject"] == "a Bcc: x@y.example"
    assert received["Bcc"] is None
    assert received["X"] is None


def test_a_message_due_later_stays_queued_and_keeps_its_job(nimes, sink, note):
    due = timezone.now() + 90 * MINUTE
    operations.enqueue(kind=note, recipient="a@exemple.example", at=timezone.now(), due_at=due)
    assert drain() == 0
    assert sink.connections == 0
    assert any(job["scheduled_at"] == due for job in list_waiting_jobs("mailing.drain"))
    assert drain(clock=lambda: due + MINUTE) == 1


def test_one_refused_recipient_does_not_hold_up_the_others(nimes, sink, queue):
    sink.behaviour.recipients["ecole1@exemple.example"] = "550 5.1.1 <ecole1@exemple.example>: User unknown"
    queue(3)
    assert drain() == 2
    assert states() == [MessageState.SENT, MessageState.BOUNCED, MessageState.SENT]
    assert sink.connections == 1
    failed = Message.objects.lost().get()
    assert failed.reason == (
        "Cette adresse n'existe pas : corrigez-la et renvoyez le message. "
        "Réponse du serveur : 550 5.1.1 <ecole1@exemple.example>: User unknown"
    )


@pytest.mark.slow
def test_a_temporary_error_is_retried_later_a_limited_number_of_times(nimes, sink, queue):
    sink.behaviour.recipients["ecole0@exemple.example"] = "451 4.7.1 Greylisted"
    [message] = queue()
    now = timezone.now()
    waits = []
    while True:
        before = now
        drain(clock=lambda: now)  # noqa: B023
        message.refresh_from_db()
        if message.state != MessageState.DEFERRED:
            break
        assert message.reason.endswith("451 4.7.1 Greylisted")
        assert is_drain_planned(message.due_at)
        now = message.due_at
        waits.append(now - before)
    assert waits == sorted(waits)
    assert waits[0] == 5 * MINUTE
    assert datetime.timedelta(days=1) < sum(waits, datetime.timedelta()) < datetime.timedelta(days=3)
    assert message.state == MessageState.FAILED
    assert message.attempts == smtp_replies.MAX_ATTEMPTS
    assert message.reason.startswith(f"Le message a été proposé {smtp_replies.MAX_ATTEMPTS} fois, en vain.")


def test_a_deferred_message_that_is_taken_at_last_forgets_its_reason(nimes, sink, queue):
    sink.behaviour.recipients["ecole0@exemple.example"] = "451 4.7.1 Greylisted"
    [message] = queue()
    drain()
    sink.behaviour.recipients.clear()
    assert drain(clock=lambda: timezone.now() + 6 * MINUTE) == 1
    message.refresh_from_db()
    assert (message.state, message.reason, message.attempts) == (MessageState.SENT, "", 2)


def test_refused_content_fails_that_message(nimes, sink, queue):
    sink.behaviour.content = "554 5.7.1 Spam"
    queue()
    assert drain() == 0
    assert "filtre antispam" in Message.objects.get(state=MessageState.BOUNCED).reason


@pytest.mark.slow
def test_an_unreachable_server_costs_messages_no_attempt(nimes, settings, queue):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    settings.MAILERS = {"default": {"OPTIONS": {"host": "127.0.0.1", "port": port, "timeout": 1}}}
    queue(70)
    before = timezone.now()
    assert drain() == 0
    tried = Message.objects.filter(state=MessageState.DEFERRED)
    assert tried.count() == 50
    assert {message.attempts for message in tried} == {0}
    assert {message.reason for message in tried} == {smtp_replies.UNREACHABLE}
    assert all(message.due_at >= before + smtp_replies.UNAVAILABLE_DELAY for message in tried)
    # The other twenty were not claimed and have a scheduled job.
    assert Message.objects.filter(state=MessageState.QUEUED).count() == 20
    assert list_waiting_jobs("mailing.drain", schema="c_nimes")


def test_a_server_that_never_answers_is_left_after_the_timeout(nimes, settings, queue):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        settings.MAILERS = {"default": {"OPTIONS": {"host": "127.0.0.1", "port": port, "timeout": 0.2}}}
        queue(2)
        assert drain() == 0
    assert states() == [MessageState.DEFERRED] * 2


@pytest.mark.slow
def test_a_server_that_closes_after_some_messages_is_reconnected_to(nimes, sink, queue):
    sink.behaviour.messages_per_connection = 4
    queue(10)
    assert drain() == 10
    assert sink.connections == 3
    assert len(sink.received) == 10
    assert {message.attempts for message in Message.objects.all()} == {1}


def test_a_closing_server_costs_messages_no_attempt(nimes, sink, queue):
    sink.behaviour.messages_per_connection = 0
    queue(3)
    assert drain() == 0
    assert states() == [MessageState.DEFERRED] * 3
    assert {message.attempts for message in Message.objects.all()} == {0}


def test_a_refused_sender_costs_messages_no_attempt(nimes, sink, queue):
    sink.behaviour.sender = "550 5.7.1 Sender not allowed"
    queue(2)
    assert drain() == 0
    assert states() == [MessageState.DEFERRED] * 2
    message = Message.objects.first()
    assert message.attempts == 0
    assert message.reason == f"{smtp_replies.SENDER_REFUSED} Réponse du serveur : 550 5.7.1 Sender not allowed"


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
def test_a_connection_lost_mid_message_delays_that_message_only(nimes, sink, queue, kept):
    sink.behaviour.drop_after = 3
    sink.behaviour.stores_dropped = kept
    queue(6)
    assert drain() == 5
    assert sink.connections == 2
    [cut] = Message.objects.filter(state=MessageState.DEFERRED)
    assert cut.reason == smtp_replies.INTERRUPTED
    assert drain(clock=lambda: timezone.now() + 3 * MINUTE) == 1
    identifiers = [str(received.email["Message-ID"]) for received in sink.received]
    # A duplicate can be recognised: both carry the same Message-ID.
    assert len(identifiers) == 6 + kept
    assert len(set(identifiers)) == 6


def test_a_renderer_that_raises_fails_its_message_alone(nimes, sink, queue, note):
    queue(2)
    operations.enqueue(kind=note, recipient="b@exemple.example", at=timezone.now(), context={"broken": True})
    operations.enqueue(kind="unheard of", recipient="c@exemple.example", at=timezone.now())
    assert drain() == 2
    assert states() == [MessageState.SENT, MessageState.SENT, MessageState.FAILED, MessageState.FAILED]
    assert {message.reason for message in Message.objects.lost()} == {smtp_replies.RENDERING_FAILED}


def test_a_message_no_longer_due_is_cancelled(nimes, sink, queue):
    queue(1, lapsed=True)
    assert drain() == 0
    message = Message.objects.get()
    assert (message.state, message.reason) == (MessageState.CANCELLED, "La clé a été reprise.")


@pytest.mark.parametrize("address", ["pas une adresse", "é@exemple.example", "a@exemple.example\nBcc: b@c.example", ""])
def test_an_invalid_address_fails_its_message_alone(nimes, sink, queue, note, address):
    operations.enqueue(kind=note, recipient=address, at=timezone.now())
    queue(1)
    assert drain() == 1
    assert states() == [MessageState.FAILED, MessageState.SENT]
    assert Message.objects.lost().get().reason == smtp_replies.BAD_ADDRESS


def test_an_accented_domain_is_written_as_mail_servers_know_it(nimes, sink, note):
    operations.enqueue(kind=note, recipient="mairie@nîmes.example", at=timezone.now())
    assert drain() == 1
    assert sink.received[0].recipients == ("mairie@xn--nmes-0pa.example",)


@pytest.mark.slow
def test_a_kind_may_prefetch_data_for_a_batch(nimes, sink):
    gathered = []

    def gather(messages):
        gathered.append(len(messages))
        return lambda message: kinds.RenderedEmail(subject=f"{message.pk}", text="")

    kinds.register("gathering", label="", render=lambda _: None, prefetch=gather)
    batch = [operations.NewMessage(kind="gathering", recipient=f"{n}@exemple.example") for n in range(60)]
    operations.enqueue_many(batch, at=timezone.now())
    assert drain() == 60
    kinds.unregister("gathering")
    assert gathered == [50, 10]


@pytest.mark.slow
def test_a_stopping_worker_releases_unsent_messages(nimes, sink, queue):
    queue(20)
    sink.behaviour.delay = 0.02

    calls = iter(range(1000))

    def clock():
        # The clock is read a few times per message: this stops the worker while it sends.
        if next(calls) == 15:
            shutdown_requested.set()
        return timezone.now()

    try:
        sent = drain(clock=clock)
    finally:
        shutdown_requested.clear()
    assert 0 < sent < 20
    assert states().count(MessageState.QUEUED) == 20 - sent
    assert list_waiting_jobs("mailing.drain", schema="c_nimes")
    assert drain() == 20 - sent


@pytest.mark.slow
@pytest.mark.parametrize("unanswered", [0, 1])
def test_messages_leased_by_another_worker_are_left_until_its_heartbeat_or_the_lease_of_the_handed_over_ends(
    nimes, sink, queue, unanswered
):
    queue(5)
    held = dispatch.claim(limit=3, at=timezone.now())
    Message.objects.filter(state=MessageState.SENDING).update(unanswered=unanswered)
    assert drain() == 2
    ends = held[0].lease_until - (get_early_release() if unanswered == 0 else datetime.timedelta())
    assert is_drain_planned(ends)
    assert drain(clock=lambda: ends - datetime.timedelta(seconds=1)) == 0
    assert drain(clock=lambda: ends + MINUTE) == 3


def test_a_worker_that_lost_its_lease_writes_nothing(nimes, sink, queue, settings):
    queue(1)
    lease, settings.MAIL_LEASE = settings.MAIL_LEASE, 0
    [asleep] = dispatch.claim(limit=1, at=timezone.now())
    settings.MAIL_LEASE = lease
    assert drain() == 1
    assert not dispatch.record_failed(asleep, reason="trop tard", at=timezone.now())
    assert dispatch.renew([asleep], at=timezone.now()) == []
    dispatch.release([asleep])
    assert states() == [MessageState.SENT]


@pytest.mark.slow
def test_a_drain_sends_a_batch_and_schedules_the_rest(nimes, sink, queue):
    queue(12)
    assert drain(limit=10) == 10
    assert any(job["queueing_lock"] for job in list_waiting_jobs("mailing.drain"))
    assert drain() == 2


def test_a_backend_other_than_smtp_works(nimes, queue, mailoutbox):
    queue(2)
    assert drain() == 2
    assert [message.to for message in mailoutbox] == [["ecole0@exemple.example"], ["ecole1@exemple.example"]]
