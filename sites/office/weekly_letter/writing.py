"""Write an office's weekly letters: on its first working day, to whoever has something to do. In its schema."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef

from collectivities import letter_days
from collectivities.letters import list_recipients
from collectivities.models import Letter, MemberLetter
from collectivities.operations.letters import claim_letters
from core.calendar import date_in_paris
from core.tenant_connection import connection
from imports.enums import ImportState
from imports.models import SpreadsheetImport
from jobs import due
from licensing.pools.models import Pool
from licensing.requests.models import LicenceRequest
from mailing import operations as mailing
from mailing.models import Message, MessageState
from sites.office.weekly_letter.member_items import hash_line, list_member_items, load_week

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectivities.models import Member

#: Kind of the e-mails, and their topic, whose id is that of the `MemberLetter`.
WEEKLY_KIND, WEEKLY_TOPIC = "office.weekly_letter", "weekly_letter"
#: After which a line is news again.
REPEATED_AFTER = datetime.timedelta(weeks=4)
#: After which advice is.
ADVISED_AFTER = datetime.timedelta(weeks=52)


def run(*, at: datetime.datetime) -> int:
    """Write this week's letters, and schedule the next look; return how many letters were queued. Idempotent."""
    # First: the next week comes, whatever becomes of this one.
    _schedule_next(at)
    return write_letters(at=at) if letter_days.is_sending_time(at) else 0


@transaction.atomic
def write_letters(*, at: datetime.datetime) -> int:
    """Queue the letter of the week of a moment for each member who has something to do and had none in it.

    It comes where a line of it was in none of the letters since `REPEATED_AFTER`, or `ADVISED_AFTER` for advice:
    other numbers are no news.
    """
    members = list_recipients(Letter.WEEKLY)
    if not members:
        return 0
    week = load_week(at)
    monday = letter_days.get_week(date_in_paris(at))
    known, advised = (_find_known(members, since=monday - one) for one in (REPEATED_AFTER, ADVISED_AFTER))
    lines = {}
    for member in members:
        hashes = {hash_line(one): one.is_advice for one in list_member_items(member, week)}
        if any(line not in (advised if is_advice else known)[member.pk] for line, is_advice in hashes.items()):
            lines[member.pk] = list(hashes)
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


def _find_known(members: Sequence[Member], *, since: datetime.date) -> dict[int, set[str]]:
    """Return by member the lines of their letters after that week, but for those never sent. One query."""
    dropped = Message.objects.filter(topic=WEEKLY_TOPIC, topic_id=OuterRef("pk"), state=MessageState.CANCELLED)
    letters = MemberLetter.objects.filter(~Exists(dropped), letter=Letter.WEEKLY, period__gt=since)
    known: dict[int, set[str]] = {one.pk: set() for one in members}
    for member_id, lines in letters.filter(member__in=list(known)).values_list("member_id", "lines"):
        known[member_id].update(lines)
    return known


def _schedule_next(at: datetime.datetime) -> None:
    """Schedule the next look at an office that has licences, or where something waits; others are not looked at."""
    if not letter_days.is_sending_time(at):
        # The worker was away: the next morning, which may still be of this week.
        due.schedule(letter_days.WEEKLY_LETTER, connection.schema_name, letter_days.get_next_sending_moment(at))
        return
    open_pools = Pool.objects.filter(entitlement__last_day__gte=date_in_paris(at), entitlement__cancelled_at=None)
    requests = LicenceRequest.objects.pending().filter(collectivity__schema_name=connection.schema_name)
    imports = SpreadsheetImport.objects.filter(state=ImportState.CHECKED)
    if open_pools.exists() or requests.exists() or imports.exists():
        letter_days.schedule_weekly_letter(at)
