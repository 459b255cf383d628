"""Parse mails in a child process of bounded memory and time: anybody can send one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bounces.reports import MailKind, ParsedMail, RecipientReport, parse_mail
from core.bounded_process import BoundedProcessError, ProcessFailure, ProcessLimits, run_bounded

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
