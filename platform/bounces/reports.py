"""Parses one mail of the bounce mailbox: a delivery report, an automatic reply, or something else. Pure.

Delivery reports are RFC 3464; those of qmail and old Exim are plain text that quotes the message. Nothing here is
believed: which message a report is about is decided by a signed Message-ID (`mailing.mime`). What costs more
than a report of a mail server can is not read on: the parser of the standard library, and what is searched for here,
take time by the square of some lengths.
"""

import email.header
import re
from collections.abc import Callable, Iterator, Sequence
from email.message import Message
from email.parser import BytesParser, Parser
from email.policy import Compat32
from email.utils import parseaddr
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple, cast

from core.bounded_process import BoundedProcessError, ProcessFailure, ProcessLimits, run_bounded
from core.foreign_values import clean_line


class MailKind(StrEnum):
    REPORT = "report"
    AUTO_REPLY = "auto_reply"
    OTHER = "other"
    # Its headers or parts are more, or longer, than those of any report: it was not read on.
    TOO_COSTLY = "too_costly"
    # The parser ended on an error.
    UNREADABLE = "unreadable"


class RecipientReport(NamedTuple):
    """What a server says of one recipient. `action` and `status` as in RFC 3464; `retry_until`: its own words."""

    final: str
    original: str
    action: str
    status: str
    diagnostic: str
    retry_until: str = ""


class ParsedMail(NamedTuple):
    """One mail, as far as we care. `message_ids`: of messages it may be about, the likeliest first."""

    kind: MailKind
    sender: str
    subject: str
    message_ids: tuple[str, ...] = ()
    recipients: tuple[RecipientReport, ...] = ()


#: Longest text that is searched for what a report without the form of RFC 3464 says.
_MAX_TEXT = 200_000
#: Of one header, its further lines included: those of signatures and long threads are some 10,000.
_MAX_HEADER_LETTERS = 16 * 1024
#: Of one header, as « ; » are counted.
_MAX_PARAMETERS = 100
#: Of a mail and all its parts, the groups of fields of a delivery report included.
_MAX_HEADERS, _MAX_PARTS = 5_000, 500
_MAX_IDS = 20
_MAX_RECIPIENTS = 20
_MAX_DIAGNOSTIC = 300
_GLOBAL_TYPES = {
    b"-delivery-status": b"message/delivery-status",
    b"-headers": b"text/rfc822-headers",
    b"": b"message/rfc822",
}
_GLOBAL_TYPE = re.compile(rb"message/global(-delivery-status|-headers|)(?![\w-])", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[^<>@\s]{1,200}@[^<>@\s]{1,200}>")
_EMPTY_LINES = re.compile(r"\n[ \t]*+\n")
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_SMTP_CODE = re.compile(r"(?:^|[\s:(\"#])([45]\d\d)(?:[- ]|$)", re.MULTILINE)
_QMAIL_RECIPIENT = re.compile(r"^[ \t]*+<?([^\s<>@]+@[^\s<>@:]+)>?:?[ \t\r]*$", re.MULTILINE)
# From the first dash alone, and never from fewer of them: a line of dashes is looked at once.
_ORIGINAL_BELOW = re.compile(
    r"(?:(?<!-)-++ ?(?:This is a copy of|Below this line is a copy of|Ceci est une copie)[^\n]*)"
)
_MAILER = re.compile(r"^(?:mailer-daemon|postmaster|mail-daemon|mailerdaemon|mdaemon)\b", re.IGNORECASE)
_DELAYED_WORDS = re.compile(
    r"delay|retard|still being retried|will be retried|tentatives? (?:se )?poursui|not (?:yet )?been delivered|warning",
    re.IGNORECASE,
)
_REPLY_SUBJECT = re.compile(
    r"^(?:\[?(?:absen[ct]|r[ée]ponse automatique|auto(?:matic|matique)?[ -]?(?:reply|response|r[ée]ponse)"
    r"|out of (?:the )?office|message d'absence|abwesen|notification d'absence|cong[ée]s?\b|vacances))",
    re.IGNORECASE,
)
_READ_RECEIPTS = {"disposition-notification"}
_LOW_PRECEDENCE = {"auto_reply", "auto-reply", "bulk", "junk"}
_ACTIONS = {"failed", "delayed", "delivered", "relayed", "expanded"}


class TooCostly(Exception):
    """The mail has more, or longer, headers than any report."""


class _Counted:
    def __init__(self) -> None:
        self.headers = self.parts = 0

    def make_part(self, policy: Any) -> Message:
        """Return an empty part, for the parser. Raises `TooCostly`."""
        self.parts += 1
        if self.parts > _MAX_PARTS:
            raise TooCostly
        return Message(policy)


class _MailBounds(Compat32):
    """The policy of the standard library for what is read as it stands; raises `TooCostly` for a header beyond bounds.

    Asked by the parser for each header of the mail and of its parts, before anything is made of it.
    """

    #: Of the mail so far; shared by the copies that the parser makes of the policy.
    counted: _Counted

    def __init__(self) -> None:
        super().__init__()
        # A policy refuses to be assigned to.
        self.__dict__["counted"] = _Counted()

    @property
    def factory(self) -> Any:
        """What the parser makes parts by."""
        return self.counted.make_part

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Return name and value of a header. Raises `TooCostly`."""
        letters, parameters = sum(map(len, sourcelines)), sum(line.count(";") for line in sourcelines)
        self.counted.headers += 1
        if letters > _MAX_HEADER_LETTERS or parameters > _MAX_PARAMETERS or self.counted.headers > _MAX_HEADERS:
            raise TooCostly
        return super().header_source_parse(sourcelines)


def parse_mail(content: bytes) -> ParsedMail:
    """Parse one mail. Whatever it holds, this raises nothing that its caller need tell apart."""
    try:
        return _read_mail(content)
    except TooCostly:
        return ParsedMail(MailKind.TOO_COSTLY, "", "")


def _read_mail(content: bytes) -> ParsedMail:
    policy = _MailBounds()
    mail = BytesParser(policy.factory, policy=policy).parsebytes(_plain_types(content))
    sender, subject = clean_line(parseaddr(_header(mail, "From"))[1], 254), clean_line(_header(mail, "Subject"), 200)
    recipients = tuple(islice(_read_status_parts(mail), _MAX_RECIPIENTS))
    if not recipients:
        report_type = str(mail.get_param("report-type") or "").casefold()
        if report_type in _READ_RECEIPTS:
            return ParsedMail(MailKind.AUTO_REPLY, sender, subject)
        recipients = tuple(_read_plain_report(mail, sender))
    if recipients:
        ids = tuple(dict.fromkeys(_find_message_ids(mail)))[:_MAX_IDS]
        return ParsedMail(MailKind.REPORT, sender, subject, ids, recipients)
    kind = MailKind.AUTO_REPLY if _is_auto_reply(mail, subject) else MailKind.OTHER
    return ParsedMail(kind, sender, subject)


def _plain_types(content: bytes) -> bytes:
    """Return a mail with the types of RFC 6533, which Python does not know, named as those they extend."""
    return _GLOBAL_TYPE.sub(lambda match: _GLOBAL_TYPES[match[1].lower()], content)


def _read_status_parts(mail: Message) -> Iterator[RecipientReport]:
    """Yield what the parts of type message/delivery-status say (RFC 3464)."""
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        blocks = part.get_payload()
        if not isinstance(blocks, list):
            # Encoded, against the standard: some gateways do.
            text = _decode(part)
            blocks = [_parse_headers(mail, block) for block in _EMPTY_LINES.split(text.replace("\r", ""))]
        for block in blocks:
            if isinstance(block, Message) and (report := _read_recipient(block)) is not None:
                # Exim gives the code alone, and its reason to the reader.
                yield report if report.diagnostic else report._replace(diagnostic=_find_reason(mail, report.final))


def _read_recipient(block: Message) -> RecipientReport | None:
    """Return the report of a group of fields; None for the group about the message, or an action of no meaning."""
    action = _header(block, "Action").split("(")[0].strip().casefold()
    if action not in _ACTIONS:
        return None
    status = _STATUS.search(_header(block, "Status"))
    return RecipientReport(
        final=_strip_type(_header(block, "Final-Recipient")),
        original=_strip_type(_header(block, "Original-Recipient")),
        action=action,
        status=status[1] if status else "",
        diagnostic=clean_line(
            _header(block, "Diagnostic-Code").partition(";")[2] or _header(block, "Diagnostic-Code"), _MAX_DIAGNOSTIC
        ),
        retry_until=clean_line(_header(block, "Will-Retry-Until"), 100),
    )


def _strip_type(field: str) -> str:
    """Return the address of « rfc822; <address> »."""
    address = field.rpartition(";")[2].strip()
    return clean_line(address.strip("<>").strip(), 254)


def _read_plain_report(mail: Message, sender: str) -> Iterator[RecipientReport]:
    """Yield what a report in plain text says: those of qmail, of old Exim, and of gateways that follow neither."""
    failed = _header(mail, "X-Failed-Recipients")
    if not failed and not _MAILER.match(sender) and sender:
        return
    text = _read_text(mail)
    notice = _ORIGINAL_BELOW.split(text, maxsplit=1)[0]
    addresses = [address.strip() for address in failed.split(",") if address.strip()]
    addresses = addresses or _QMAIL_RECIPIENT.findall(notice)[:_MAX_RECIPIENTS]
    status, code = _STATUS.search(notice), _SMTP_CODE.search(notice)
    if not addresses or not (status or code or failed or "qmail-send" in notice):
        return
    delayed = not failed and _DELAYED_WORDS.search(f"{_header(mail, 'Subject')}\n{notice[:2000]}") is not None
    found = status[1] if status else f"{code[1][0]}.0.0" if code else ""
    diagnostic = clean_line(_find_diagnostic(notice, status or code), _MAX_DIAGNOSTIC)
    for address in addresses[:_MAX_RECIPIENTS]:
        yield RecipientReport(address, "", "delayed" if delayed else "failed", found, diagnostic)


def _find_reason(mail: Message, address: str) -> str:
    """Return the lines below an address in the text for the reader, up to an empty one."""
    notice = _ORIGINAL_BELOW.split(_read_text(mail), maxsplit=1)[0].replace("\r", "")
    lines = notice.partition(address)[2].partition("\n\n")[0] if address else ""
    return clean_line(lines.lstrip(">: \n"), _MAX_DIAGNOSTIC)


def _find_diagnostic(text: str, match: re.Match[str] | None) -> str:
    """Return the line with the code, or the whole of a short text."""
    if match is None:
        return " ".join(text.split())[-300:]
    start = text.rfind("\n", 0, match.start(1)) + 1
    end = text.find("\n", match.end())
    return text[start : len(text) if end < 0 else end]


def _find_message_ids(mail: Message) -> Iterator[str]:
    """Yield the Message-IDs that a report quotes: in the returned headers, in its own fields, in its text."""
    for part in mail.walk():
        content_type = part.get_content_type()
        if content_type == "text/rfc822-headers":
            yield from _MESSAGE_ID.findall(_header(_parse_headers(mail, _decode(part).lstrip()), "Message-ID"))
        elif part is not mail:
            for name in ("Message-ID", "Original-Message-ID", "X-Original-Message-ID"):
                yield from _MESSAGE_ID.findall(_header(part, name))
    for name in ("Original-Message-ID", "In-Reply-To", "References"):
        yield from _MESSAGE_ID.findall(_header(mail, name))
    yield from _MESSAGE_ID.findall(_read_text(mail))


def _is_auto_reply(mail: Message, subject: str) -> bool:
    """Whether nobody wrote it: RFC 3834, what Exchange, Zimbra and vacation programs set, or the subject's words."""
    submitted = _header(mail, "Auto-Submitted").split(";")[0].strip().casefold()
    return (
        submitted not in ("", "no")
        or any(name in mail for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply"))
        or _header(mail, "Precedence").strip().casefold() in _LOW_PRECEDENCE
        or _REPLY_SUBJECT.match(subject) is not None
    )


def _parse_headers(mail: Message, text: str) -> Message:
    """Return the headers of a text that is part of the mail, counted with its own. Raises `TooCostly`."""
    policy = cast("_MailBounds", mail.policy)
    return Parser(policy.factory, policy=policy).parsestr(text, headersonly=True)


def _read_text(mail: Message) -> str:
    """Return the texts of a mail, those of a returned message included, up to a bound."""
    texts: list[str] = []
    left = _MAX_TEXT
    for part in mail.walk():
        if part.get_content_maintype() == "text" and left > 0:
            texts.append(_decode(part)[:left])
            left -= len(texts[-1])
    return "\n".join(texts)


def _decode(part: Message) -> str:
    payload: Any = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    charset = part.get_content_charset() or "utf-8"
    try:
        return payload.decode(charset, "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def _header(mail: Message, name: str) -> str:
    """Return a header, decoded and unfolded; empty where there is none."""
    raw = mail.get(name)
    if raw is None:
        return ""
    try:
        parts = email.header.decode_header(raw)
        text = "".join(
            part if isinstance(part, str) else part.decode(charset or "utf-8", "replace") for part, charset in parts
        )
    except (LookupError, ValueError):
        text = str(raw)
    return " ".join(text.split())


_LIMITS = ProcessLimits(cpu_seconds=15, wall_seconds=30.0, result_bytes=32 * 1024 * 1024)
#: Of one mail alone, after the mails that came with it could not be parsed.
_ONE_LIMITS = ProcessLimits(cpu_seconds=5, wall_seconds=10.0, result_bytes=4 * 1024 * 1024)


def parse_mails(contents: Sequence[bytes]) -> list[ParsedMail]:
    """Parse mails, in order. One that the child ends on costs the others a child each."""
    try:
        return _parse(contents, _LIMITS)
    except BoundedProcessError as error:
        if len(contents) == 1:
            return [_explain(error)]
    parsed: list[ParsedMail] = []
    for content in contents:
        try:
            parsed += _parse([content], _ONE_LIMITS)
        except BoundedProcessError as error:
            parsed.append(_explain(error))
    return parsed


def _explain(error: BoundedProcessError) -> ParsedMail:
    crashed = error.failure is ProcessFailure.CRASHED
    return ParsedMail(MailKind.UNREADABLE if crashed else MailKind.TOO_COSTLY, "", "")


def _parse(contents: Sequence[bytes], limits: ProcessLimits) -> list[ParsedMail]:
    answers = run_bounded(f"{__name__}:child_parse_mails", list(contents), limits=limits)
    return [
        ParsedMail(
            kind=MailKind(answer[0]),
            sender=answer[1],
            subject=answer[2],
            message_ids=answer[3],
            recipients=tuple(RecipientReport(*one) for one in answer[4]),
        )
        for answer in answers
    ]


# --- In the child ----------------------------------------------------------------------------------------------------


def child_parse_mails(
    send: Callable[[Any], None],  # noqa: ARG001 - nothing to tell meanwhile
    contents: Sequence[bytes],
) -> list[tuple[Any, ...]]:
    """Parse mails, and return plain data."""
    return [_dump(content) for content in contents]


def _dump(content: bytes) -> tuple[Any, ...]:
    try:
        mail = parse_mail(content)
    except Exception:  # noqa: BLE001 - whatever strangers send; the mail is shown to a person
        mail = ParsedMail(MailKind.UNREADABLE, "", "")
    return (mail.kind.value, mail.sender, mail.subject, mail.message_ids, [tuple(one) for one in mail.recipients])
