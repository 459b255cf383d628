"""Tell who asked for the application of an import what became of it, and end requests."""

from __future__ import annotations

import datetime

from accounts.models import User
from collectivities.models import Member
from imports.enums import APPLICATION_ANSWERED, RequestAnswer
from imports.models import SpreadsheetImport
from mailing import operations as mailing

#: Topic of the messages about an import.
IMPORT_TOPIC = "import"
#: Fields of a request.
REQUEST_FIELDS = ("requested_at", "requested_by_id", "requested_schools", "requested_units", "requested_digest")


def find_asker(spreadsheet_import: SpreadsheetImport, *, by: User | None) -> User | None:
    """Return who is written to about a request: who asked, unless they are `by`, or left the office."""
    asker = spreadsheet_import.requested_by_id
    if asker is None or (by is not None and by.pk == asker):
        return None
    member = Member.objects.active().filter(user_id=asker).first()
    return member.user if member is not None and member.user.is_active and member.user.email else None


def answer_request(
    spreadsheet_import: SpreadsheetImport,
    answer: RequestAnswer,
    *,
    by: User | None,
    at: datetime.datetime,
    reason: str = "",
) -> None:
    """Queue an e-mail to who asked for the application, unless they did this themselves or left the office.

    `reason`: what `by` says of it.
    """
    asker = find_asker(spreadsheet_import, by=by)
    if asker is None:
        return
    mailing.enqueue(
        kind=APPLICATION_ANSWERED,
        recipient=asker.email,
        topic=IMPORT_TOPIC,
        topic_id=spreadsheet_import.pk,
        about=spreadsheet_import.filename,
        context={
            "answer": answer.value,
            "by": by.pk if by else None,
            "schools": spreadsheet_import.requested_schools,
            "units": spreadsheet_import.requested_units,
        }
        | ({"reason": reason} if reason else {}),
        at=at,
    )


def end_request(
    spreadsheet_import: SpreadsheetImport, answer: RequestAnswer, *, by: User | None, at: datetime.datetime
) -> None:
    """Forget the request, if any: e-mails that have not left are cancelled, who asked is told. Does not save."""
    if spreadsheet_import.requested_at is None:
        return
    mailing.cancel(IMPORT_TOPIC, [spreadsheet_import.pk], at)
    answer_request(spreadsheet_import, answer, by=by, at=at)
    spreadsheet_import.requested_at = spreadsheet_import.requested_by_id = None
    spreadsheet_import.requested_schools = spreadsheet_import.requested_units = None
    spreadsheet_import.requested_digest = ""
