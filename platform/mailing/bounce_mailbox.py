"""Reads the bounce mailbox: each report is recorded on its message, then marked as read.

A mail is marked once what it says is committed: after an interruption it is read again, to no effect. What says nothing
that we can act on, or cannot be read or recorded, stays unread in the mailbox and is listed for the operator
(`bounces.UnreadMail`), until a person has read, moved or deleted it there: it keeps no other from being read.
"""

import datetime
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from bounces.imap import ImapMailbox, ListedMail, MailboxUnavailable
from bounces.models import BounceMailbox, UnreadMail
from bounces.reports import MailKind, ParsedMail, RecipientReport, parse_mails
from core.connections import DatabaseClock
from core.foreign_values import clean_line, parse_header_date
from installation.hold import refuse_while_held
from jobs.periodic_tasks import shutdown_requested
from mailing import smtp_replies
from mailing.delivery_reports import DeliveryReport, ReportedFate, record_reports
from mailing.mime import MessageReference, find_reference

logger = logging.getLogger(__name__)

#: A report returns the whole message at most, and ours are smaller.
MAX_MAIL_BYTES = 2 * 1024 * 1024
#: Mails that are fetched, parsed and recorded together: some 1 MB of reports.
_BATCH_MAILS, _BATCH_BYTES = 200, 8 * 1024 * 1024
#: Of one run; the next one begins within a minute.
_MAX_MAILS = 20_000
#: How long a server may go on trying: RFC 5321 has four or five days. What says more is no date.
_LONGEST_RETRY = datetime.timedelta(days=60)
_DELAYED = "Le serveur du destinataire fait attendre le message ; il essaie encore."


_LEFT_FOR = {
    MailKind.OTHER: UnreadMail.Cause.NO_REPORT,
    MailKind.TOO_COSTLY: UnreadMail.Cause.TOO_COSTLY,
    MailKind.UNREADABLE: UnreadMail.Cause.UNREADABLE,
}


class _Verdict(NamedTuple):
    """What becomes of a mail: a report to record, a mail to be left for a person, or neither."""

    report: DeliveryReport | None = None
    left_for: UnreadMail.Cause | None = None


def read_mailbox(*, clock: Callable[[], datetime.datetime] | None = None) -> Counter[str]:
    """Read what is unread, and return how many mails were reports, automatic replies, or left unread.

    Where the mailbox cannot be read, that is noted for the operator, and tried again with the next run. Raises
    `InstallationHeld` in a restored copy: the reports are those of the installation that sent.
    """
    refuse_while_held()
    clock = clock or DatabaseClock()
    counts: Counter[str] = Counter()
    try:
        with ImapMailbox() as mailbox:
            for batch in _list_batches(mailbox):
                if shutdown_requested.is_set():
                    return counts
                counts += _read_batch(mailbox, batch, at=clock())
    except MailboxUnavailable as unavailable:
        logger.warning("The bounce mailbox cannot be read: %s (%s)", unavailable, type(unavailable.__cause__).__name__)
        _note_run(at=clock(), failure=str(unavailable))
    else:
        _note_run(at=clock())
    return counts


def _list_batches(mailbox: ImapMailbox) -> Iterator[list[ListedMail]]:
    """Yield the unread mails that are not known yet, in batches; forget those that a person has dealt with."""
    unread = mailbox.list_unread()
    here = UnreadMail.objects.filter(uid_validity=mailbox.uid_validity)
    UnreadMail.objects.exclude(uid_validity=mailbox.uid_validity).delete()
    here.exclude(uid__in_array=sorted(unread)).delete()
    new = sorted(unread - set(here.values_list("uid", flat=True)))[:_MAX_MAILS]
    batch: list[ListedMail] = []
    for mail in mailbox.list_sizes(new):
        if batch and (len(batch) == _BATCH_MAILS or sum(one.size for one in batch) + mail.size > _BATCH_BYTES):
            yield batch
            batch = []
        batch.append(mail)
    if batch:
        yield batch


def _read_batch(mailbox: ImapMailbox, batch: Sequence[ListedMail], *, at: datetime.datetime) -> Counter[str]:
    readable = [mail.uid for mail in batch if mail.size <= MAX_MAIL_BYTES]
    contents = mailbox.fetch(readable) if readable else {}
    parsed = _parse(contents)
    reports: dict[ListedMail, DeliveryReport] = {}
    left, counts = [], Counter[str]()
    for mail in batch:
        if mail.size > MAX_MAIL_BYTES:
            left.append(_leave(mailbox, mail, UnreadMail.Cause.TOO_LARGE, None, at))
            continue
        if mail.uid not in parsed:
            # Somebody has deleted it meanwhile.
            continue
        content = parsed[mail.uid]
        verdict = _judge(content, at=at)
        if verdict.left_for is not None:
            del parsed[mail.uid]
            left.append(_leave(mailbox, mail, verdict.left_for, content, at))
            continue
        if verdict.report is not None:
            reports[mail] = verdict.report
        counts["auto_replies" if content.kind is MailKind.AUTO_REPLY else "reports"] += 1
    refused = {id(one.item) for one in record_reports(reports.values(), at=at).refused}
    for mail in (mail for mail, report in reports.items() if id(report) in refused):
        left.append(_leave(mailbox, mail, UnreadMail.Cause.UNRECORDED, parsed.pop(mail.uid), at))
        counts["reports"] -= 1
    with transaction.atomic():
        UnreadMail.objects.bulk_create(left, ignore_conflicts=True)
        _count(counts)
    mailbox.mark_seen(parsed.keys())
    return counts + Counter(left=len(left))


def _parse(contents: dict[int, bytes | None]) -> dict[int, ParsedMail]:
    given = {uid: content for uid, content in contents.items() if content is not None}
    parsed = dict(zip(given, parse_mails(list(given.values())), strict=True)) if given else {}
    return parsed | {uid: ParsedMail(MailKind.UNREADABLE, "", "") for uid in contents.keys() - given.keys()}


def _leave(
    mailbox: ImapMailbox, mail: ListedMail, cause: UnreadMail.Cause, content: ParsedMail | None, at: datetime.datetime
) -> UnreadMail:
    return UnreadMail(
        uid_validity=mailbox.uid_validity,
        uid=mail.uid,
        cause=cause,
        # Again: a mail may have taken over the child that read it.
        sender=clean_line(content.sender, 254) if content else "",
        subject=clean_line(content.subject, 200) if content else "",
        size=mail.size,
        found_at=at,
    )


def _judge(mail: ParsedMail, *, at: datetime.datetime) -> _Verdict:
    if mail.kind is MailKind.AUTO_REPLY:
        return _Verdict()
    if mail.kind is not MailKind.REPORT:
        return _Verdict(left_for=_LEFT_FOR[mail.kind])
    message, decisive = find_reference(mail.message_ids), _find_decisive(mail.recipients)
    if message is None or decisive is None:
        return _Verdict(left_for=UnreadMail.Cause.NOT_OURS if message is None else UnreadMail.Cause.UNCLEAR)
    return _Verdict(_build_report(message, decisive, at=at))


def _build_report(
    message: MessageReference, recipient: RecipientReport, *, at: datetime.datetime
) -> DeliveryReport | None:
    """Return what is recorded; None where the message was passed on to a server that does not report."""
    if recipient.action in ("relayed", "expanded"):
        return None
    if recipient.action == "delivered":
        return DeliveryReport(message, ReportedFate.DELIVERED)
    answer = smtp_replies.parse_report(recipient.status, recipient.diagnostic)
    if recipient.action == "delayed":
        reason = f"{_DELAYED}{smtp_replies.REPLY_SEPARATOR}{recipient.diagnostic}" if recipient.diagnostic else _DELAYED
        until = _read_retry_until(recipient.retry_until, at=at)
        return DeliveryReport(message, ReportedFate.DELAYED, reason, retried_until=until)
    # A box that was full for days (4.2.2, given up) may be empty tomorrow: only permanent answers refuse an address.
    is_permanent = not recipient.status.startswith("4")
    refused = (recipient.final, recipient.original) if is_permanent and smtp_replies.refuses_address(answer) else ()
    return DeliveryReport(message, ReportedFate.BOUNCED, smtp_replies.explain_reply(answer), refused)


def _read_retry_until(text: str, *, at: datetime.datetime) -> datetime.datetime | None:
    """Return until when a server goes on trying; None where it does not say so, or nothing that can be."""
    try:
        until = parse_header_date(text)
    except ValueError:
        return None
    return until if until - at <= _LONGEST_RETRY else None


def _find_decisive(recipients: Sequence[RecipientReport]) -> RecipientReport | None:
    """Return what decides on a message to one address, None if nothing does.

    An alias has several mailboxes behind it: as long as one of them may have the message, it has not bounced.
    """
    actions = {recipient.action for recipient in recipients}
    if len(actions) == 1:
        return recipients[0]
    return next((one for one in recipients if one.action == "delivered"), None)


def _note_run(*, at: datetime.datetime, failure: str = "") -> None:
    with transaction.atomic():
        row = _lock_row()
        if failure:
            row.failing_since, row.failure = row.failing_since or at, failure
        else:
            row.read_at, row.failing_since, row.failure = at, None, ""
        row.save()


def _count(counts: Counter[str]) -> None:
    _lock_row()
    BounceMailbox.objects.update(
        reports=F("reports") + counts["reports"], auto_replies=F("auto_replies") + counts["auto_replies"]
    )


def _lock_row() -> BounceMailbox:
    BounceMailbox.objects.bulk_create([BounceMailbox()], ignore_conflicts=True)
    return BounceMailbox.objects.locked().get()
