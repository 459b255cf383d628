"""Parse mails in a child process of bounded memory and time: anybody can send one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bounces.reports import MailKind, ParsedMail, RecipientReport, parse_mail
from core.bounded_process import BoundedProcessError, ProcessLimits, run_bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LIMITS = ProcessLimits(cpu_seconds=15, wall_seconds=30.0, result_bytes=32 * 1024 * 1024)
#: Of one mail alone, after the mails that came with it could not be parsed.
_ONE_LIMITS = ProcessLimits(cpu_seconds=5, wall_seconds=10.0, result_bytes=4 * 1024 * 1024)


def parse_mails(contents: Sequence[bytes]) -> list[ParsedMail | None]:
    """Parse mails, in order; None for one that cannot be parsed, which costs the others a child each."""
    try:
        return _parse(contents, _LIMITS)
    except BoundedProcessError:
        if len(contents) == 1:
            return [None]
    parsed: list[ParsedMail | None] = []
    for content in contents:
        try:
            parsed += _parse([content], _ONE_LIMITS)
        except BoundedProcessError:
            parsed.append(None)
    return parsed


def _parse(contents: Sequence[bytes], limits: ProcessLimits) -> list[ParsedMail | None]:
    answers = run_bounded(f"{__name__}:child_parse_mails", list(contents), limits=limits)
    return [
        None
        if answer is None
        else ParsedMail(
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
) -> list[tuple[Any, ...] | None]:
    """Parse mails, and return plain data; None for one that the parser raises on."""
    return [_dump(content) for content in contents]


def _dump(content: bytes) -> tuple[Any, ...] | None:
    try:
        mail = parse_mail(content)
    except Exception:  # noqa: BLE001 - whatever strangers send; the mail is shown to a person
        return None
    return (mail.kind.value, mail.sender, mail.subject, mail.message_ids, [tuple(one) for one in mail.recipients])
