"""Addresses that a server refused: what is held for them, who lets it go, and when they are forgotten."""

import datetime
import threading
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from bounces.models import RefusedAddress
from mailing import delivery_reports, dispatch, kinds, operations, refusals
from mailing.delivery_reports import DeliveryReport, ReportedFate
from mailing.dispatch import drain
from mailing.mime import build_message_id, parse_message_id
from mailing.models import Message, MessageState, RefusalHandling
from tests.conftest import TERM
from tests.mailing.note import render_note
from tests.races import run_concurrently

ADDRESS, REASON = "ecole0@exemple.example", "Cette adresse n'existe pas."
DAY = datetime.timedelta(days=1)


def enqueue(note, recipient=ADDRESS):
    return operations.enqueue(kind=note, recipient=recipient, at=timezone.now())


def report(message, fate, reason="", refused=()):
    reference = parse_message_id(build_message_id(message))
    reports = [DeliveryReport(reference, fate, reason, refused)]
    return delivery_reports.record_reports(reports, at=timezone.now()).changed


@pytest.fixture
def held(nimes, sink, note):
    """A message to an address that was refused, in other capitals, after its drain."""
    refusals.refuse({ADDRESS: REASON}, at=TERM)
    message = enqueue(note, ADDRESS.upper())
    enqueue(note, "autre@exemple.example")
    assert drain() == 1
    message.refresh_from_db()
    return message


def test_a_message_to_a_refused_address_waits_for_a_hand(held, sink):
    assert (held.state, held.refusal) == (MessageState.HELD, RefusalHandling.WAITING)
    assert held.explanation == f"{refusals.HELD_SENTENCE} {REASON}"
    assert [message.recipients for message in sink.received] == [("autre@exemple.example",)]
    assert RefusedAddress.objects.get().waiting_in == ["c_nimes"]
    # Their owner's release is for what their owner holds.
    assert operations.release_held(Message.objects.all(), at=timezone.now()) == 0


@pytest.mark.slow
def test_a_hand_sends_it_and_three_silent_days_forget_the_refusal(held, sink, gard):
    assert refusals.overrule([held.pk], at=timezone.now()) == [held.pk]
    assert refusals.overrule([held.pk], at=timezone.now()) == []
    assert drain() == 1
    held.refresh_from_db()
    assert held.state == MessageState.SENT
    refused = RefusedAddress.objects.get()
    assert refused.tried_at is not None
    assert refusals.forget_old(at=refused.tried_at + 2 * DAY) == 0
    assert refusals.forget_old(at=refused.tried_at + 3 * DAY) == 1
    assert not RefusedAddress.objects.exists()


def test_a_refusal_of_a_year_ago_is_forgotten(held):
    assert refusals.forget_old(at=TERM + 364 * DAY) == 0
    assert refusals.forget_old(at=TERM + 365 * DAY) == 1
    held.refresh_from_db()
    assert held.state == MessageState.QUEUED


def test_a_bounce_after_the_hand_keeps_the_address_refused(held, sink):
    refusals.overrule([held.pk], at=timezone.now())
    drain()
    held.refresh_from_db()
    assert report(held, ReportedFate.BOUNCED, REASON, (ADDRESS,)) == 1
    refused = RefusedAddress.objects.get()
    assert (refused.tried_at, refused.reason) == (None, REASON)


@pytest.mark.slow
def test_a_delivery_forgets_the_refusal_and_releases_what_waits_in_every_office(held, sink, note, gard):
    with schema_context("c_gard"):
        other = enqueue(note)
        drain()
        other.refresh_from_db()
        assert other.state == MessageState.HELD
    assert RefusedAddress.objects.get().waiting_in == ["c_nimes", "c_gard"]
    with schema_context("c_nimes"):
        waiting = enqueue(note)
        drain()
        refusals.overrule([held.pk], at=timezone.now())
        drain()
        held.refresh_from_db()
        assert report(held, ReportedFate.DELIVERED) == 1
        waiting.refresh_from_db()
        assert (waiting.state, waiting.refusal, waiting.reason) == (MessageState.QUEUED, "", "")
    with schema_context("c_gard"):
        other.refresh_from_db()
        assert other.state == MessageState.QUEUED
    assert not RefusedAddress.objects.exists()


def test_what_a_person_has_just_asked_for_is_written_all_the_same(nimes, sink):
    kinds.register("asked", label="Demandé", render=render_note, is_by_hand=True)
    try:
        refusals.refuse({ADDRESS: REASON}, at=TERM)
        enqueue("asked")
        assert drain() == 1
    finally:
        kinds.unregister("asked")


def test_a_server_that_refuses_at_once_refuses_the_address(nimes, sink, note):
    sink.behaviour.recipients = {ADDRESS: "550 5.1.1 User unknown", "plein@exemple.example": "552 5.2.2 Over quota"}
    first, second = enqueue(note), enqueue(note, "plein@exemple.example")
    drain()
    for message in (first, second):
        message.refresh_from_db()
    assert (first.state, second.state) == (MessageState.BOUNCED, MessageState.BOUNCED)
    assert first.reported_at is not None
    # A box that is full is emptied some day.
    assert list(RefusedAddress.objects.values_list("address", flat=True)) == [ADDRESS]


def test_a_cancelled_message_waits_for_nobody(held):
    Message.objects.filter(pk=held.pk).update(topic="allocation", topic_id=7)
    assert operations.cancel("allocation", [7], timezone.now()) == 1
    held.refresh_from_db()
    assert (held.state, held.refusal) == (MessageState.CANCELLED, RefusalHandling.NONE)


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "bounced", "reason": "Refusé."},
        {"state": "bounced", "reported_at": TERM},
        {"state": "queued", "delayed_until": TERM},
        {"state": "queued", "refusal": "waiting", "reason": "Refusé."},
        {"state": "held", "refusal": "waiting"},
    ],
)
def test_the_database_refuses_a_state_that_says_half(nimes, fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.create(kind="note", recipient=ADDRESS, created_at=TERM, due_at=TERM, **fields)


@pytest.mark.parametrize(
    ("reported", "state"),
    [
        ([(ReportedFate.DELIVERED, ""), (ReportedFate.BOUNCED, REASON)], MessageState.BOUNCED),
        ([(ReportedFate.BOUNCED, REASON), (ReportedFate.DELIVERED, "")], MessageState.BOUNCED),
        ([(ReportedFate.DELIVERED, ""), (ReportedFate.DELAYED, "Attend.")], MessageState.DELIVERED),
        ([(ReportedFate.DELAYED, "Attend."), (ReportedFate.DELIVERED, "")], MessageState.DELIVERED),
    ],
)
def test_reports_in_any_order_end_alike(queue, nimes, sink, reported, state):
    [message] = queue()
    drain()
    for fate, reason in (*reported, reported[-1]):
        report(message, fate, reason)
    message.refresh_from_db()
    assert message.state == state


def test_a_report_of_a_message_that_never_left_changes_nothing(nimes, note, sink):
    message = enqueue(note)
    assert report(message, ReportedFate.BOUNCED, REASON, (ADDRESS,)) == 0
    Message.objects.filter(pk=message.pk).update(created_at=TERM)
    drain()
    # Another row of the same number, after a restored backup.
    assert report(message, ReportedFate.BOUNCED, REASON, (ADDRESS,)) == 0
    assert not RefusedAddress.objects.exists()


@pytest.mark.slow
def test_forgetting_an_address_meets_the_worker_that_holds_a_message_for_it(committing, note):
    """Whoever comes second sees the other: no message stays held for an address that nobody refuses any more."""
    messages = []
    for number in range(12):
        address = f"course{number}@exemple.example"
        refusals.refuse({address: REASON}, at=TERM)
        messages.append(enqueue(note, address))
    claimed = dispatch.claim(limit=20, at=timezone.now())
    pause = threading.Event()

    def hold_all():
        for message in claimed:
            dispatch.record_refusal(message)
            pause.wait(0.002)

    addresses = [message.recipient for message in reversed(messages)]
    run_concurrently(
        committing.schema_name,
        [hold_all, *(partial(refusals.forget, [address], at=timezone.now()) for address in addresses)],
        expected_errors=(),
    )
    assert not RefusedAddress.objects.exists()
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.QUEUED}
