"""Sends what waits in an outbox: leases on messages, one connection a drain, and what became of each message.

A drain schedules the next one for when a message will be due: a deferred message's next attempt, or the end of another
worker's lease. So an outbox with pending messages always has a scheduled job; one that is lost is due work: `jobs.due`.
"""

import contextlib
import datetime
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, transaction
from django.db.models import Case, F, Max, Min, PositiveSmallIntegerField, Q, Value, When
from django.db.models.functions import Coalesce, Least

from core.connections import DatabaseClock, connection, retry_on_lost_database
from installation.hold import refuse_while_held
from jobs.periodic_tasks import shutdown_requested
from jobs.retention import schedule_pruning
from jobs.tasks import defer_once, round_up_to_second
from mailing import delivery_reports, kinds, refusals, smtp_replies
from mailing.delivery_reports import count_messages
from mailing.kinds import RenderedEmail
from mailing.mail_server import ConnectionInterrupted, MessageRejected, ServerUnavailable, ServerWatch, SmtpConnection
from mailing.mime import build_message_id, compose
from mailing.models import (
    MESSAGES_KEPT,
    Message,
    MessageQuerySet,
    MessageState,
    RefusalHandling,
    get_early_release,
    get_lease_duration,
)
from mailing.operations import DRAIN, MESSAGES_PER_JOB

# Leases on messages: claim, renew, release, record the outcome.
#
# A worker claims messages with `SKIP LOCKED` and commits before it sends, so no transaction is open during SMTP. It
# renews its leases at each heartbeat; those of a killed worker are taken over after three (`models.get_early_release`),
# but for the group that was being sent, which becomes due again when the lease ends. A worker that was only slow loses
# its lease, and sends nothing that is not noted under one. No message is lost, and only those of that group may be sent
# twice: acceptances are recorded `GROUP_SIZE` at a time, at most.
#
# An outcome is recorded only while the lease is held (compared by `lease_until`): a worker whose lease has expired does
# not overwrite the outcome of another. An acceptance is recorded all the same where nobody else is sending the message.
#
# Before a group is handed over, `record_group` counts its messages as `unanswered`; every answer of a server takes that
# back. What remains so may have been accepted: it is never told as cancelled or, for another reason than too many
# interruptions, as failed. What is in doubt already is a group of its own: its interruptions are counted exactly.
#
# Times are the database's, given by the caller's `DatabaseClock`.


#: Messages that are handed over between two records of what became of them: as many may leave twice after a death.
GROUP_SIZE = 10
#: Seconds after which an acceptance is recorded, however few there are: a slow server's are, one by one.
_RECORDED_WITHIN = 1.0
# Limit of the smallint column; no delay depends on higher counts.
_MAX_ATTEMPTS = 32_000


@transaction.atomic
def claim(*, limit: int, at: datetime.datetime) -> list[Message]:
    """Lease up to `limit` due messages that no worker is sending: by priority, the longest due first."""
    due = Message.objects.due_at(at).select_for_update(skip_locked=True, no_key=True)
    messages = list(due.order_by("-priority", "due_at", "pk")[:limit])
    until = at + get_lease_duration()
    for message in messages:
        message.state, message.lease_until = MessageState.SENDING, until
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(
        state=MessageState.SENDING, lease_until=until
    )
    return messages


def renew(messages: Sequence[Message], *, at: datetime.datetime) -> list[Message]:
    """Extend the lease of the messages that are still leased to this worker, and return them."""
    until = at + get_lease_duration()
    with transaction.atomic():
        renewed_ids = set(_filter_leased(messages).locked().values_list("pk", flat=True))
        Message.objects.filter(pk__in=renewed_ids).update(lease_until=until)
    renewed = [message for message in messages if message.pk in renewed_ids]
    for message in renewed:
        message.lease_until = until
    return renewed


class Acceptance(NamedTuple):
    """A message that a server accepted."""

    message: Message
    message_id: str
    at: datetime.datetime


_TABLE = Message._meta.db_table  # noqa: SLF001 - documented
# Locked in the order in which everybody locks messages.
_RECORD_GROUP = f"""
WITH leased AS MATERIALIZED (
    SELECT id FROM {_TABLE}
    WHERE id = ANY(%(accepted)s::bigint[] || %(next)s::bigint[])
    AND state = 'sending' AND lease_until = ANY(%(leases)s::timestamptz[])
    ORDER BY id FOR NO KEY UPDATE
),
accepted AS (
    UPDATE {_TABLE} AS message SET state = 'sent', lease_until = NULL, stalled_since = NULL, reason = '',
        sent_at = answer.at, message_id = answer.message_id, unanswered = 0,
        attempts = least(message.attempts + 1, {_MAX_ATTEMPTS})
    FROM unnest(%(accepted)s::bigint[], %(moments)s::timestamptz[], %(message_ids)s::text[])
        AS answer (id, at, message_id)
    WHERE message.id = answer.id AND message.id IN (SELECT id FROM leased) RETURNING message.id
),
handed_over AS (
    UPDATE {_TABLE} SET unanswered = %(unanswered)s, handed_over_at = %(at)s
    WHERE id = ANY(%(next)s::bigint[]) AND id IN (SELECT id FROM leased) RETURNING id
)
SELECT id FROM accepted UNION ALL SELECT id FROM handed_over
"""  # noqa: S608 - the table's own name


def record_group(accepted: Sequence[Acceptance], following: Sequence[Message], *, at: datetime.datetime) -> set[int]:
    """Record acceptances, and that a server may have accepted the `following`, which are as `unanswered` as each other.

    One statement. Return the messages of which that was recorded, by their primary keys: those still leased.
    """
    messages = [*(each.message for each in accepted), *following]
    if not messages:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD_GROUP,
            {
                "accepted": [each.message.pk for each in accepted],
                "moments": [each.at for each in accepted],
                "message_ids": [each.message_id for each in accepted],
                "next": [message.pk for message in following],
                "leases": list({message.lease_until for message in messages}),
                "unanswered": following[0].unanswered + 1 if following else 0,
                "at": at,
            },
        )
        recorded = {number for (number,) in cursor.fetchall()}
    count_messages(MessageState.SENT, sum(each.message.pk in recorded for each in accepted))
    return recorded


def release(messages: Sequence[Message], *, due_at: datetime.datetime | None = None, reason: str = "") -> None:
    """Release messages unsent, without counting an attempt.

    Without `due_at` they are queued again (the worker stops); with it they are deferred until then (the server is
    unavailable), with `reason`.
    """
    if not messages:
        return
    state = MessageState.QUEUED if due_at is None else MessageState.DEFERRED
    fields = {} if due_at is None else {"due_at": due_at, "reason": reason, "stalled_since": _STALLED_SINCE}
    # Those of an earlier doubt keep it; the first may be noted as handed over, and were not.
    unanswered = [When(pk=message.pk, then=message.unanswered) for message in messages[:GROUP_SIZE]]
    released = _filter_leased(messages).update(
        state=state,
        lease_until=None,
        unanswered=Case(*unanswered, default=F("unanswered"), output_field=PositiveSmallIntegerField()),
        **fields,
    )
    if due_at is not None:
        count_messages(state, released)


def _filter_leased(messages: Sequence[Message]) -> MessageQuerySet:
    """Filter those of the messages that are still leased to this worker."""
    return Message.objects.filter(
        pk__in=[message.pk for message in messages],
        state=MessageState.SENDING,
        lease_until__in={message.lease_until for message in messages},
    )


#: Since the first attempt that our own server did not answer.
_STALLED_SINCE = Coalesce("stalled_since", "due_at")


def _conclude(message: Message, state: MessageState, **fields: object) -> bool:
    """Record the outcome if the lease is still held; return whether it was."""
    fields = {"unanswered": message.unanswered, "stalled_since": None} | fields
    concluded = _filter_leased([message]).update(state=state, lease_until=None, **fields)
    count_messages(state, concluded)
    return bool(concluded)


def record_accepted(message: Message, *, message_id: str, at: datetime.datetime) -> bool:
    """Record that the server accepted the message; return whether that was recorded.

    Also where the lease has been lost and nobody is sending the message: it is not sent again.
    """
    fields = {
        "sent_at": at,
        "message_id": message_id,
        "reason": "",
        "attempts": _count_attempt(),
        "unanswered": 0,
    }
    if message.refusal == RefusalHandling.OVERRULED:
        refusals.note_trial(message.recipient, at=at)
    if _conclude(message, MessageState.SENT, **fields):
        return True
    settled = (MessageState.SENDING, MessageState.DELIVERED, MessageState.BOUNCED)
    # An anonymised message stays so.
    others = Message.objects.filter(pk=message.pk).exclude(state__in=settled).exclude(recipient="")
    fields["sent_at"] = Coalesce("sent_at", Value(at))
    concluded = others.update(state=MessageState.SENT, **fields)
    count_messages(MessageState.SENT, concluded)
    return bool(concluded)


def record_deferred(message: Message, *, until: datetime.datetime, reason: str, is_ours: bool = False) -> bool:
    """Record a temporary failure and when to retry. `is_ours`: our own server's, not the recipient's."""
    stalled_since = _STALLED_SINCE if is_ours else None
    return _conclude(
        message,
        MessageState.DEFERRED,
        due_at=until,
        reason=reason,
        attempts=_count_attempt(),
        stalled_since=stalled_since,
    )


def record_interrupted(message: Message, *, at: datetime.datetime) -> bool:
    """Record that no answer came: retry later, or give up after `smtp_replies.MAX_INTERRUPTIONS`."""
    interruptions = message.unanswered + 1
    delay = smtp_replies.get_interruption_delay(interruptions)
    if delay is None:
        return give_up_interrupted(message, interruptions=interruptions, at=at)
    return _conclude(
        message,
        MessageState.DEFERRED,
        due_at=at + delay,
        reason=smtp_replies.INTERRUPTED,
        attempts=_count_attempt(),
        unanswered=interruptions,
        stalled_since=_STALLED_SINCE,
    )


def give_up_interrupted(message: Message, *, interruptions: int, at: datetime.datetime) -> bool:
    """Record that a message was interrupted too often to be sent once more, and emit a `message.failed` event."""
    reason = smtp_replies.GAVE_UP_INTERRUPTED.format(attempts=interruptions)
    return _fail(message, reason=reason, at=at, unanswered=interruptions)


def _count_attempt() -> Least:
    return Least(F("attempts") + 1, _MAX_ATTEMPTS)


def _conclude_perhaps_accepted(message: Message, *, reason: str) -> bool:
    """Record as sent what may have been accepted and will not be sent again, with the reason."""
    return _conclude(
        message, MessageState.SENT, sent_at=message.handed_over_at, reason=f"{smtp_replies.PERHAPS_ACCEPTED} {reason}"
    )


def record_failed(message: Message, *, reason: str, at: datetime.datetime) -> bool:
    """Record that it is given up and emit a `message.failed` event; as sent, if it may have been accepted before."""
    if message.unanswered:
        return _conclude_perhaps_accepted(message, reason=reason)
    return _fail(message, reason=reason, at=at)


def record_refused(message: Message, *, reason: str, refuses_address: bool, at: datetime.datetime) -> bool:
    """Record that a server refused the message for good and emit a `message.bounced` event.

    As sent, if it may have been accepted before. `refuses_address`: any other message to it would be refused as well.
    """
    if message.unanswered:
        return _conclude_perhaps_accepted(message, reason=reason)
    with transaction.atomic():
        # Before the message, as whoever records reports.
        refusals.lock_addresses([message.recipient] if refuses_address else [])
        fields = {"reason": reason, "reported_at": at, "attempts": _count_attempt()}
        was_leased = _conclude(message, MessageState.BOUNCED, **fields)
        if was_leased:
            message.state, message.reason, message.reported_at = MessageState.BOUNCED, reason, at
            if refuses_address:
                refusals.refuse({message.recipient: message.explanation}, at=at)
            delivery_reports.emit_bounced([message], at=at)
    return was_leased


@transaction.atomic
def _fail(message: Message, *, reason: str, at: datetime.datetime, **fields: object) -> bool:
    was_leased = _conclude(message, MessageState.FAILED, reason=reason, attempts=_count_attempt(), **fields)
    if was_leased:
        message.reason = reason
        delivery_reports.emit_failed(message, at=at)
    return was_leased


def record_cancelled(message: Message, *, reason: str) -> bool:
    """Record that the message was cancelled before it was sent; as sent, if it may have been accepted before."""
    if message.unanswered:
        return _conclude_perhaps_accepted(message, reason=reason)
    return _conclude(message, MessageState.CANCELLED, reason=reason)


@transaction.atomic
def record_held(message: Message, *, reason: str, at: datetime.datetime) -> bool:
    """Record that the message waits, unsent, until its owner releases it, and tell the owner."""
    was_leased = _conclude(message, MessageState.HELD, reason=reason)
    if was_leased:
        delivery_reports.emit_held(message, at=at)
    return was_leased


@transaction.atomic
def record_refusal(message: Message) -> bool:
    """Hold a message to an address that was refused; release it where the address has been forgotten meanwhile."""
    reason = refusals.note_waiting(message.recipient)
    if reason is None:
        release([message])
        return True
    return _conclude(message, MessageState.HELD, reason=reason, refusal=RefusalHandling.WAITING)


logger = logging.getLogger(__name__)

#: Messages per claim: few, as they wait for the lease to end if the worker dies; enough to make claims cheap.
CLAIM_BATCH_SIZE = 50
#: Seconds after which a drain ends and queues the next one: other outboxes have their turn, whatever the server's pace.
MAX_SECONDS = 10.0
#: After which a drain looks again at due messages that another transaction has locked: a worker that claims them, or
#: somebody who changes what they are about (`mailing.operations.hold_back`).
LOCKED_DELAY = datetime.timedelta(seconds=2)


def drain(*, limit: int = MESSAGES_PER_JOB, clock: Callable[[], datetime.datetime] | None = None) -> int:
    """Send at most `limit` due messages of the current schema; return how many were accepted.

    `clock`: the database's by default, whatever this machine's says. Raises `InstallationHeld`.
    """
    refuse_while_held()
    clock = clock or DatabaseClock()
    ends_at = time.monotonic() + MAX_SECONDS
    accepted = handled = 0
    earliest: datetime.datetime | None = None
    batch: _Batch | None = None
    watch = ServerWatch(clock)

    def wait() -> None:
        if batch is not None:
            # While the database is away leases cannot be kept; what the server answers then is recorded later.
            with contextlib.suppress(Error):
                batch.record_accepted()
                batch.keep_leases()
                batch.note_wait()

    with SmtpConnection(on_wait=wait) as smtp:
        while handled < limit and not _must_stop(ends_at):
            messages = claim(limit=min(CLAIM_BATCH_SIZE, limit - handled), at=clock())
            if not messages:
                # What is due all the same is locked.
                earliest = clock() + LOCKED_DELAY
                break
            handled += len(messages)
            batch = _Batch(messages, smtp, clock, watch, ends_at=ends_at)
            batch.send()
            accepted += batch.accepted
            if batch.is_server_unavailable:
                break
    schedule_next(clock(), earliest=earliest)
    # One that was cancelled was handled by nobody, and is deleted all the same.
    if handled or Message.objects.exists():
        schedule_pruning(clock() + MESSAGES_KEPT)
    return accepted


def _must_stop(ends_at: float) -> bool:
    """Return whether the worker shuts down or the drain has lasted long enough."""
    return shutdown_requested.is_set() or time.monotonic() >= ends_at


def schedule_next(at: datetime.datetime, *, earliest: datetime.datetime | None = None) -> None:
    """Queue the next drain of this outbox for its next due message, not before `earliest`; none if none is pending."""
    pending = Message.objects.pending().aggregate(
        due=Min("due_at", filter=~Q(state=MessageState.SENDING)),
        lapses=Min(
            Case(When(unanswered=0, then=F("lease_until") - get_early_release()), default=F("lease_until")),
            filter=Q(state=MessageState.SENDING),
        ),
    )
    moments = [moment for moment in pending.values() if moment is not None]
    if not moments:
        return
    moment = max(min(moments), earliest or at)
    priority = Message.objects.due_at(moment).aggregate(highest=Max("priority"))["highest"] or 0
    start = round_up_to_second(moment) if moment > at else None
    schema = connection.schema_name
    once = f"{DRAIN}:{schema}:{'' if start is None else start.astimezone(datetime.UTC).isoformat()}:{priority}"
    defer_once(DRAIN, schema=schema, at=start, queueing_lock=once, priority=priority)


class _Batch:
    """A batch of claimed messages being sent."""

    def __init__(
        self,
        messages: list[Message],
        smtp: SmtpConnection,
        clock: Callable[[], datetime.datetime],
        watch: ServerWatch,
        *,
        ends_at: float,
    ) -> None:
        self._remaining = messages
        self._smtp = smtp
        self._clock = clock
        self._watch = watch
        self._ends_at = ends_at
        #: When the message that is being sent was offered.
        self._offered_at: datetime.datetime | None = None
        #: The messages noted as handed over, by their primary keys.
        self._handed_over: set[int] = set()
        #: What was accepted and is not recorded yet; since when of `time.monotonic`.
        self._accepted: list[Acceptance] = []
        self._accepted_since = 0.0
        #: Whether the message before was refused by a closing server, which may have meant that message only.
        self._was_closed_on = False
        #: Messages to addresses that were refused, which a person has not overruled.
        self._refused: set[int] = set()
        self.accepted = 0
        self.is_server_unavailable = False

    def send(self) -> None:
        """Send the messages until all are done, the server is unavailable, the worker shuts down or time is over."""
        render = _make_renderer(self._remaining)
        self._refused = refusals.find_refused(self._remaining)
        try:
            self._send_groups(render)
        finally:
            retry_on_lost_database(self.record_accepted)

    def _send_groups(self, render: Callable[[Message], RenderedEmail]) -> None:
        while self._remaining and not self.is_server_unavailable:
            if _must_stop(self._ends_at):
                release(self._remaining)
                return
            if self._accepted and time.monotonic() - self._accepted_since >= _RECORDED_WITHIN:
                retry_on_lost_database(self.record_accepted)
            self._remaining = self.keep_leases()
            if not self._remaining:
                return
            message = self._remaining[0]
            if message.pk not in self._handed_over:
                retry_on_lost_database(self._begin_group)
            if message.pk in self._handed_over:
                self._process(message, render)
            if not self.is_server_unavailable:
                self._remaining = self._remaining[1:]

    def record_accepted(self) -> None:
        """Record what was accepted until now."""
        self._record_group([])

    def _begin_group(self) -> None:
        """Record what was accepted, and that the next messages are handed over."""
        others = itertools.takewhile(lambda other: not other.unanswered, self._remaining[:GROUP_SIZE])
        self._record_group(self._remaining[:1] if self._remaining[0].unanswered else list(others))

    def _record_group(self, following: list[Message]) -> None:
        recorded = record_group(self._accepted, following, at=self._clock())
        # Those whose lease was lost.
        for message, message_id, at in self._accepted:
            if message.pk not in recorded:
                record_accepted(message, message_id=message_id, at=at)
        self._accepted = []
        self._handed_over |= {message.pk for message in following} & recorded

    def keep_leases(self) -> list[Message]:
        """Renew the leases at each heartbeat; return the messages that are still leased."""
        if not self._remaining:
            return []
        until, at, lease = self._remaining[0].lease_until, self._clock(), get_lease_duration()
        renewed_within = min(datetime.timedelta(seconds=settings.JOBS_HEARTBEAT), lease / 3)
        if until is not None and until - at > lease - renewed_within:
            return self._remaining
        self.record_accepted()
        return renew(self._remaining, at=at)

    def note_wait(self) -> None:
        """Note, while the server makes us wait, that it takes nothing meanwhile."""
        if self._offered_at is not None:
            self._watch.note_failure(smtp_replies.UNREACHABLE, since=self._offered_at)

    def _process(self, message: Message, render: Callable[[Message], RenderedEmail]) -> None:
        if message.unanswered >= smtp_replies.MAX_INTERRUPTIONS:
            self._record(lambda: give_up_interrupted(message, interruptions=message.unanswered, at=self._clock()))
            return
        try:
            # Rendered first: what is obsolete is cancelled, and not put before a person.
            rendered = render(message)
        except kinds.NoLongerDue as lapsed:
            reason = str(lapsed)
            self._record(lambda: record_cancelled(message, reason=reason))
        except kinds.OnHold as hold:
            reason = str(hold)
            self._record(lambda: record_held(message, reason=reason, at=self._clock()))
        except (OperationalError, InterfaceError):
            # The message is not at fault: the job is retried.
            retry_on_lost_database(lambda: release(self._remaining))
            raise
        except Exception:
            # Any error of one renderer must not stop the other messages of the batch.
            logger.exception("Message %s (%s) could not be rendered", message.pk, message.kind)
            self._record(lambda: record_failed(message, reason=smtp_replies.RENDERING_FAILED, at=self._clock()))
        else:
            if message.pk in self._refused:
                self._record(lambda: record_refusal(message))
                return
            self._deliver(message, rendered)

    def _deliver(self, message: Message, rendered: RenderedEmail) -> None:
        at = self._offered_at = self._clock()
        was_closed_on, self._was_closed_on = self._was_closed_on, False
        try:
            self._send_with_reconnect(message, rendered, at, may_blame_message=not was_closed_on)
        except MessageRejected as refusal:
            self._record_rejection(message, refusal.answer)
            if refusal.answer.is_final:
                retry_on_lost_database(lambda: self._watch.note_answer(at=self._clock()))
        except ServerUnavailable as down:
            self.is_server_unavailable = True
            self._put_off_all(str(down), offered_at=at)
        except ConnectionInterrupted as broken:
            reason = str(broken)
            self._record(lambda: record_interrupted(message, at=self._clock()))
            retry_on_lost_database(lambda: self._watch.note_failure(reason, since=at))
        except ValueError:
            self._record(lambda: record_failed(message, reason=smtp_replies.BAD_ADDRESS, at=at))
        except Exception:
            # A backend other than SMTP failed: defer this message, send the others.
            logger.exception("Message %s could not be handed over", message.pk)
            until = at + smtp_replies.UNAVAILABLE_DELAY
            self._record(lambda: record_deferred(message, until=until, reason=smtp_replies.UNREACHABLE, is_ours=True))
            retry_on_lost_database(lambda: self._watch.note_failure(smtp_replies.UNREACHABLE, since=at))
        else:
            self.accepted += 1
            self._note_accepted(message, at=self._clock())

    def _note_accepted(self, message: Message, *, at: datetime.datetime) -> None:
        accepted = Acceptance(message, build_message_id(message), at)
        if message.refusal == RefusalHandling.OVERRULED:
            # Recorded with what it tells of its address.
            self._record(lambda: record_accepted(message, message_id=accepted.message_id, at=at))
        else:
            if not self._accepted:
                self._accepted_since = time.monotonic()
            self._accepted.append(accepted)
        retry_on_lost_database(lambda: self._watch.note_answer(at=at))

    def _put_off_all(self, reason: str, *, offered_at: datetime.datetime) -> None:
        due_at = offered_at + smtp_replies.UNAVAILABLE_DELAY

        def put_off() -> None:
            release(self._remaining, due_at=due_at, reason=reason)
            self._watch.note_failure(reason, since=offered_at)

        retry_on_lost_database(put_off)

    def _send_with_reconnect(
        self, message: Message, rendered: RenderedEmail, at: datetime.datetime, *, may_blame_message: bool
    ) -> None:
        """Send the message, twice where the server closes the connection.

        Raises what `SmtpConnection.send` raises. A server that twice closes over one recipient rejects that message,
        unless it did the same to the message before (`may_blame_message`): then it is unavailable.
        """
        email = compose(message, rendered, at=at)
        try:
            self._smtp.send(email)
        except ServerUnavailable as closed:
            # Many servers close after some messages or minutes: reconnect once if this connection has worked.
            if not self._smtp.handled_count and closed.answer is None:
                raise
            self._smtp.close()
            self._smtp.handled_count = 0
            try:
                self._smtp.send(email)
            except ServerUnavailable as closed_again:
                if closed_again.answer is None or not may_blame_message:
                    raise
                self._was_closed_on = True
                raise MessageRejected(closed_again.answer) from closed_again

    def _record_rejection(self, message: Message, answer: smtp_replies.SmtpReply) -> None:
        reason = smtp_replies.explain_reply(answer)
        if answer.is_final:
            refuses_address = smtp_replies.refuses_address(answer)
            self._record(
                lambda: record_refused(message, reason=reason, refuses_address=refuses_address, at=self._clock())
            )
            return
        attempts = message.attempts + 1
        wait = smtp_replies.get_retry_delay(attempts)
        if wait is not None:
            until = self._clock() + wait
            self._record(lambda: record_deferred(message, until=until, reason=reason))
            return
        given_up = f"{smtp_replies.GAVE_UP.format(attempts=attempts)} {reason}"
        self._record(lambda: record_failed(message, reason=given_up, at=self._clock()))

    def _record(self, outcome: Callable[[], bool]) -> None:
        """Record another outcome than a mere acceptance."""

        def record() -> None:
            with transaction.atomic():
                outcome()

        retry_on_lost_database(record)


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
