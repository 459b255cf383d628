"""Drains an outbox: claim messages in batches, send them over one connection, record each outcome.

A drain schedules the next one for when a message will be due: a deferred message's next attempt, or the end of another
worker's lease. So an outbox with pending messages always has a scheduled job; `sweep` covers the loss of that job.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db.models import Min, Q
from django.utils import timezone

from core.tenant_connection import connection
from jobs.process import shutdown_requested
from jobs.tasks import defer_once
from mailing import kinds, leases, smtp_replies
from mailing.mime import build_message_id, compose
from mailing.models import Message, MessageState
from mailing.operations import MESSAGES_PER_JOB
from mailing.smtp_connection import ConnectionInterrupted, MessageRejected, ServerUnavailable, SmtpConnection

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from mailing.kinds import RenderedEmail

logger = logging.getLogger(__name__)

#: Messages per claim: few, as they wait for the lease to end if the worker dies; enough to make claims cheap.
CLAIM_BATCH_SIZE = 50


def drain(*, limit: int = MESSAGES_PER_JOB, clock: Callable[[], datetime.datetime] = timezone.now) -> int:
    """Send at most `limit` due messages of the current schema; return how many were accepted."""
    accepted = handled = 0
    with SmtpConnection() as smtp:
        while handled < limit and not shutdown_requested.is_set():
            messages = leases.claim(limit=min(CLAIM_BATCH_SIZE, limit - handled), at=clock())
            if not messages:
                break
            handled += len(messages)
            batch = _Batch(messages, smtp, clock)
            batch.send()
            accepted += batch.accepted
            if batch.is_server_unavailable:
                break
    schedule_next(clock())
    return accepted


def schedule_next(at: datetime.datetime) -> None:
    """Queue the next drain of this outbox for its next due message; do nothing if none is pending."""
    pending = Message.objects.pending().aggregate(
        due=Min("due_at", filter=~Q(state=MessageState.SENDING)),
        lapses=Min("lease_until", filter=Q(state=MessageState.SENDING)),
    )
    moments = [moment for moment in pending.values() if moment is not None]
    if moments:
        schema = connection.schema_name
        moment = max(min(moments), at)
        # One waiting job per schema and minute, however many drains end in it.
        once = f"mailing.drain:{schema}:{moment:%Y-%m-%dT%H:%M}"
        defer_once("mailing.drain", schema=schema, at=moment if moment > at else None, queueing_lock=once)


class _Batch:
    """A batch of claimed messages being sent."""

    def __init__(self, messages: list[Message], smtp: SmtpConnection, clock: Callable[[], datetime.datetime]) -> None:
        self._remaining = messages
        self._smtp = smtp
        self._clock = clock
        self.accepted = 0
        self.is_server_unavailable = False

    def send(self) -> None:
        """Send the messages until all are done, the server is unavailable or the worker shuts down."""
        render = _make_renderer(self._remaining)
        while self._remaining and not self.is_server_unavailable:
            if shutdown_requested.is_set():
                leases.release(self._remaining)
                return
            if not self._keep_lease():
                continue
            message = self._remaining[0]
            rendered = _render(message, render, self._clock())
            if rendered is not None:
                self._deliver(message, rendered)
            if not self.is_server_unavailable:
                self._remaining = self._remaining[1:]

    def _keep_lease(self) -> bool:
        """Renew the lease when half of it is over; return whether any message is still leased."""
        until = self._remaining[0].lease_until
        at = self._clock()
        if until is not None and until - at > leases.get_lease_duration() / 2:
            return True
        self._remaining = leases.renew(self._remaining, at=at)
        return bool(self._remaining)

    def _deliver(self, message: Message, rendered: RenderedEmail) -> None:
        at = self._clock()
        try:
            self._send_with_reconnect(message, rendered, at)
        except MessageRejected as refusal:
            self._record_rejection(message, refusal.answer)
        except ServerUnavailable as down:
            self.is_server_unavailable = True
            leases.release(self._remaining, due_at=at + smtp_replies.UNAVAILABLE_DELAY, reason=str(down))
        except ConnectionInterrupted as broken:
            leases.record_deferred(message, until=at + smtp_replies.UNAVAILABLE_DELAY, reason=str(broken))
        except ValueError:
            leases.record_failed(message, reason=smtp_replies.BAD_ADDRESS, at=at)
        except Exception:
            # A backend other than SMTP failed: defer this message, send the others.
            logger.exception("Message %s could not be handed over", message.pk)
            leases.record_deferred(message, until=at + smtp_replies.UNAVAILABLE_DELAY, reason=smtp_replies.UNREACHABLE)
        else:
            self.accepted += 1
            leases.record_accepted(message, message_id=build_message_id(message), at=self._clock())

    def _send_with_reconnect(self, message: Message, rendered: RenderedEmail, at: datetime.datetime) -> None:
        email = compose(message, rendered, at=at)
        try:
            self._smtp.send(email)
        except ServerUnavailable:
            # Many servers close after some messages or minutes: reconnect once if this connection has worked.
            if not self._smtp.handled_count:
                raise
            self._smtp.close()
            self._smtp.handled_count = 0
            self._smtp.send(email)

    def _record_rejection(self, message: Message, answer: smtp_replies.SmtpReply) -> None:
        reason = smtp_replies.explain_reply(answer)
        attempts = message.attempts + 1
        wait = None if answer.is_final else smtp_replies.get_retry_delay(attempts)
        if wait is not None:
            leases.record_deferred(message, until=self._clock() + wait, reason=reason)
        elif answer.is_final:
            leases.record_failed(message, reason=reason, at=self._clock())
        else:
            final_reason = f"{smtp_replies.GAVE_UP.format(attempts=attempts)} {reason}"
            leases.record_failed(message, reason=final_reason, at=self._clock())


def _make_renderer(messages: list[Message]) -> Callable[[Message], RenderedEmail]:
    """Return a renderer for these messages of any kind; each kind prefetches its data at most once.

    An unknown kind, or one whose prefetch fails, raises when its messages are rendered and does not affect the others.
    """
    renderers: dict[str, Callable[[Message], RenderedEmail]] = {}

    def render(message: Message) -> RenderedEmail:
        if message.kind not in renderers:
            same_kind = [other for other in messages if other.kind == message.kind]
            renderers[message.kind] = kinds.get(message.kind).renderer(same_kind)
        return renderers[message.kind](message)

    return render


def _render(
    message: Message, render: Callable[[Message], RenderedEmail], at: datetime.datetime
) -> RenderedEmail | None:
    """Render the message; record the outcome and return None if it is obsolete or cannot be rendered."""
    try:
        return render(message)
    except kinds.NoLongerDue as lapsed:
        leases.record_cancelled(message, reason=str(lapsed))
    except Exception:
        # Any error of one renderer must not stop the other messages of the batch.
        logger.exception("Message %s (%s) could not be rendered", message.pk, message.kind)
        leases.record_failed(message, reason=smtp_replies.RENDERING_FAILED, at=at)
    return None
