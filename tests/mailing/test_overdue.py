"""Since when an e-mail should have left: whatever moves its next attempt, and not before it was planned."""

import datetime

import pytest
from django.utils import timezone

from mailing import operations
from mailing.dispatch import drain
from mailing.models import Message, MessageState
from tests.smtp_sink import OUR_FAULTS, SinkBehaviour, be_busy

MINUTE = datetime.timedelta(minutes=1)


def find_since(at):
    return list(Message.objects.overdue_at(at).values_list("overdue_since", flat=True))


@pytest.mark.parametrize("fail", OUR_FAULTS, ids=lambda fail: fail.__name__)
def test_what_our_server_does_not_take_waits_since_it_should_have_left(fail, nimes, sink, queue):
    fail(sink)
    [message] = queue()
    for minute in (0, 5, 20):
        drain(clock=lambda at=message.due_at + minute * MINUTE: at)
        message.refresh_from_db()
        assert message.state == MessageState.DEFERRED
        assert message.due_at > message.created_at + minute * MINUTE
        assert find_since(message.created_at + (minute + 1) * MINUTE) == [message.created_at]
    sink.behaviour = SinkBehaviour()
    assert drain(clock=lambda: message.due_at) == 1
    message.refresh_from_db()
    assert (message.stalled_since, find_since(message.due_at + MINUTE)) == (None, [])


def test_what_was_planned_for_later_waits_from_that_moment_on(nimes, sink, note):
    now = timezone.now()
    due = now + 60 * MINUTE
    operations.enqueue(kind=note, recipient="ecole0@exemple.example", at=now, due_at=due)
    assert find_since(due - MINUTE) == []
    be_busy(sink)
    drain(clock=lambda: due)
    assert find_since(due + MINUTE) == [due]


def test_what_the_recipient_s_server_puts_off_waits_there_and_is_overdue_once_nobody_tries_again(nimes, sink, queue):
    [message] = queue()
    be_busy(sink)
    drain(clock=lambda: message.due_at)
    sink.behaviour = SinkBehaviour(recipients={message.recipient: "451 4.7.1 Greylisted"})
    tried_at = message.due_at + 5 * MINUTE
    drain(clock=lambda: tried_at)
    message.refresh_from_db()
    assert (message.state, message.due_at) == (MessageState.DEFERRED, tried_at + 5 * MINUTE)
    assert find_since(message.due_at - MINUTE) == []
    assert find_since(message.due_at + MINUTE) == [message.due_at]


def test_what_is_held_waits_for_its_owner_and_not_for_us(nimes, queue):
    [message] = queue()
    Message.objects.update(state=MessageState.HELD)
    assert find_since(message.due_at + MINUTE) == []
    later = message.due_at + 60 * MINUTE
    operations.release_held(Message.objects.all(), at=later)
    assert find_since(later + MINUTE) == [later]
