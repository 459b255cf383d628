"""Write an office's weekly letters: on its first working day, to whoever has something to do. In its schema."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef

from collectivities.letters import (
    WEEKLY_LETTER,
    claim_letters,
    get_next_sending_moment,
    get_week,
    is_sending_time,
    list_recipients,
    schedule_weekly_letter,
)
from collectivities.models import Letter, Member, MemberLetter
from core.calendar import date_in_paris
from core.connections import connection
from imports.enums import ImportState
from imports.models import SpreadsheetImport
from jobs import due
from licensing.entitlements.office_keys import list_entitlements
from licensing.requests.models import LicenceRequest
from mailing import operations as mailing
from mailing.models import Message, MessageState
from sites.office.home.to_do import A_YEAR
from sites.office.weekly_letter.member_items import hash_line, list_member_items, load_week

#: Kind of the e-mails, and their topic, whose id is that of the `MemberLetter`.
WEEKLY_KIND, WEEKLY_TOPIC = "office.weekly_letter", "weekly_letter"
#: After which every line is news again: see `TodoItem.quiet_weeks`.
_LONGEST_QUIET = datetime.timedelta(weeks=A_YEAR)


def run(*, at: datetime.datetime) -> int:
    """Write this week's letters, and schedule the next look; return how many letters were queued. Idempotent."""
    # First: the next week comes, whatever becomes of this one.
    _schedule_next(at)
    return write_letters(at=at) if is_sending_time(at) else 0


@transaction.atomic
def write_letters(*, at: datetime.datetime) -> int:
    """Queue the letter of the week of a moment for each member who has something to do and had none in it.

    It comes where a line of it is news: in none of the letters of its `quiet_weeks`. Other numbers are no news.
    """
    members = list_recipients(Letter.WEEKLY)
    if not members:
        return 0
    week = load_week(at)
    monday = get_week(date_in_paris(at))
    last_weeks = _find_last_weeks(members, since=monday - _LONGEST_QUIET)
    lines = {}
    for member in members:
        items = {hash_line(one): one for one in list_member_items(member, week)}
        last = last_weeks[member.pk]
        quiet_since = {line: monday - datetime.timedelta(weeks=one.quiet_weeks) for line, one in items.items()}
        if any(last.get(line, datetime.date.min) <= since for line, since in quiet_since.items()):
            lines[member.pk] = list(items)
    claimed = claim_letters(lines, Letter.WEEKLY, period=monday, at=at)
    return mailing.enqueue_many(
        [
            mailing.NewMessage(
                kind=WEEKLY_KIND,
                recipient=member.user.email,
                topic=WEEKLY_TOPIC,
                topic_id=claimed[member.pk],
                about=str(member.user),
                context={"user": member.user_id},
            )
            for member in members
            if member.pk in claimed
        ],
        at=at,
    )


def _find_last_weeks(members: Sequence[Member], *, since: datetime.date) -> dict[int, dict[str, datetime.date]]:
    """Return by member the last week after that one whose letter had each line; letters never sent do not count."""
    dropped = Message.objects.filter(topic=WEEKLY_TOPIC, topic_id=OuterRef("pk"), state=MessageState.CANCELLED)
    letters = MemberLetter.objects.filter(~Exists(dropped), letter=Letter.WEEKLY, period__gt=since)
    weeks: dict[int, dict[str, datetime.date]] = {one.pk: {} for one in members}
    of_members = letters.filter(member__in=list(weeks)).order_by("period")
    for member_id, period, lines in of_members.values_list("member_id", "period", "lines"):
        weeks[member_id].update(dict.fromkeys(lines, period))
    return weeks


def _schedule_next(at: datetime.datetime) -> None:
    """Schedule the next look at an office that has licences, or where something waits; others are not looked at."""
    if not is_sending_time(at):
        # The worker was away: the next morning, which may still be of this week.
        due.schedule(WEEKLY_LETTER, connection.schema_name, get_next_sending_moment(at))
        return
    # An order opens its lot in its own transaction: each of these is a lot's.
    open_pools = list_entitlements().filter(last_day__gte=date_in_paris(at), cancelled_at=None)
    requests = LicenceRequest.objects.pending().filter(collectivity__schema_name=connection.schema_name)
    imports = SpreadsheetImport.objects.filter(state=ImportState.CHECKED)
    if open_pools.exists() or requests.exists() or imports.exists():
        schedule_weekly_letter(at)
