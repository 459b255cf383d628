"""Emptying an outbox: claim some messages, send each over one line, write down each outcome as it is known.

A drain that leaves something to send queues the next one itself, for the moment at which there will be something to
do: a deferred message's next attempt, the end of another worker's lease. So an outbox with anything pending always has
a job ahead of it, and `sweep` mends even the loss of that job.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Min, Q
from django.utils import timezone

from jobs.stop import stopping
from jobs.tasks import defer_once
from mailing import answers, claims, kinds
from mailing.composing import compose, message_id
from mailing.line import Interrupted, Line, LineDown, Refused
from mailing.models import Message, MessageState
from mailing.operations import MESSAGES_A_JOB

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from mailing.kinds import Rendered

logger = logging.getLogger(__name__)

#: Claimed at once: few enough that little waits for a lease when a worker dies, enough that claiming costs nothing.
CLAIMED_AT_ONCE = 50


def drain(*, limit: int = MESSAGES_A_JOB, clock: Callable[[], datetime.datetime] = timezone.now) -> int:
    """Send what is due in the outbox of the schema that is entered, at most `limit`; return how many were accepted."""
    accepted = handled = 0
    with Line() as line:
        while handled < limit and not stopping.is_set():
            messages = claims.claim(limit=min(CLAIMED_AT_ONCE, limit - handled), at=clock())
            if not messages:
                break
            handled += len(messages)
            claimed = _Claimed(messages, line, clock)
            claimed.send()
            accepted += claimed.accepted
            if claimed.is_line_down:
                break
    plan_next(clock())
    return accepted


def plan_next(at: datetime.datetime) -> None:
    """Queue the next drain of this outbox for when something will be due; nothing where nothing is pending."""
    pending = Message.objects.pending().aggregate(
        due=Min("due_at", filter=~Q(state=MessageState.SENDING)),
        lapses=Min("lease_until", filter=Q(state=MessageState.SENDING)),
    )
    moments = [moment for moment in pending.values() if moment is not None]
    if moments:
        schema = connection.schema_name  # type: ignore[attr-defined]
        moment = max(min(moments), at)
        # One waiting job a schema and minute, however many drains end in it.
        once = f"mailing.drain:{schema}:{moment:%Y-%m-%dT%H:%M}"
        defer_once("mailing.drain", schema=schema, at=moment if moment > at else None, once=once)


class _Claimed:
    """Some claimed messages on their way."""

    def __init__(self, messages: list[Message], line: Line, clock: Callable[[], datetime.datetime]) -> None:
        self._left = messages
        self._line = line
        self._clock = clock
        self.accepted = 0
        self.is_line_down = False

    def send(self) -> None:
        """Send one after another, until all are done, the line is down or the worker stops."""
        render = _renderer(self._left)
        while self._left and not self.is_line_down:
            if stopping.is_set():
                claims.release(self._left)
                return
            if not self._hold():
                continue
            message = self._left[0]
            rendered = _rendered(message, render, self._clock())
            if rendered is not None:
                self._hand_over(message, rendered)
            if not self.is_line_down:
                self._left = self._left[1:]

    def _hold(self) -> bool:
        """Prolong a lease that is running out; return whether anything is still ours."""
        until = self._left[0].lease_until
        at = self._clock()
        if until is not None and until - at > claims.lease() / 2:
            return True
        self._left = claims.renew(self._left, at=at)
        return bool(self._left)

    def _hand_over(self, message: Message, rendered: Rendered) -> None:
        at = self._clock()
        try:
            self._send_on_a_live_line(message, rendered, at)
        except Refused as refusal:
            self._refused(message, refusal.answer)
        except LineDown as down:
            self.is_line_down = True
            claims.release(self._left, due_at=at + answers.AWAY, reason=str(down))
        except Interrupted as broken:
            claims.deferred(message, until=at + answers.AWAY, reason=str(broken))
        except ValueError:
            claims.failed(message, reason=answers.BAD_ADDRESS, at=at)
        except Exception:
            # A mailer of another kind than SMTP failed: this message waits, the others go on.
            logger.exception("Message %s could not be handed over", message.pk)
            claims.deferred(message, until=at + answers.AWAY, reason=answers.UNREACHABLE)
        else:
            self.accepted += 1
            claims.accepted(message, message_id=message_id(message), at=self._clock())

    def _send_on_a_live_line(self, message: Message, rendered: Rendered, at: datetime.datetime) -> None:
        email = compose(message, rendered, at=at)
        try:
            self._line.send(email)
        except LineDown:
            # Many servers close after so many messages or minutes: one that has just served us is asked once more.
            if not self._line.answered:
                raise
            self._line.hang_up()
            self._line.answered = 0
            self._line.send(email)

    def _refused(self, message: Message, answer: answers.Answer) -> None:
        reason = answers.explain(answer)
        attempts = message.attempts + 1
        wait = None if answer.is_final else answers.wait(attempts)
        if wait is not None:
            claims.deferred(message, until=self._clock() + wait, reason=reason)
        elif answer.is_final:
            claims.failed(message, reason=reason, at=self._clock())
        else:
            why = f"{answers.GAVE_UP.format(attempts=attempts)} {reason}"
            claims.failed(message, reason=why, at=self._clock())


def _renderer(messages: list[Message]) -> Callable[[Message], Rendered]:
    """Return what renders these messages, whatever their kinds, each kind gathering what it needs at most once.

    A kind that is unknown or whose gathering fails fails when its first message is rendered, and fails only its own.
    """
    renderers: dict[str, Callable[[Message], Rendered]] = {}

    def render(message: Message) -> Rendered:
        if message.kind not in renderers:
            same = [other for other in messages if other.kind == message.kind]
            renderers[message.kind] = kinds.get(message.kind).renderer(same)
        return renderers[message.kind](message)

    return render


def _rendered(message: Message, render: Callable[[Message], Rendered], at: datetime.datetime) -> Rendered | None:
    """Return the message's text, or None once it is settled that it has none."""
    try:
        return render(message)
    except kinds.NoLongerDue as lapsed:
        claims.withdrawn(message, reason=str(lapsed))
    except Exception:
        # Whatever the owner's renderer raised, the other messages of the batch must leave.
        logger.exception("Message %s (%s) could not be rendered", message.pk, message.kind)
        claims.failed(message, reason=answers.NOT_COMPOSED, at=at)
    return None
