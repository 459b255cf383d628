"""What a member reads in the weekly letter: the lines of their « À faire », then those of the week."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from accounts.models import User
from collectivities.models import Letter, Member, MemberLetter, Role
from collectivities.queries import list_members
from core.calendar import date_in_paris
from licensing.pools.positions import PoolProgress, StuckKeys, list_pool_progress, list_stuck_keys, read_rights
from licensing.renewals.models import RenewalState
from licensing.requests.emails import OFFICE_TOPIC
from mailing.models import Message, MessageState
from sites.office.home.to_do import TodoItem, list_to_do
from sites.office.home.waiting import find_waiting
from sites.office.weekly_letter.week_events import WeekEvents, find_week_events, list_week_items

#: For how long the letter of requests, or of the renewal, has said what waits: the weekly letter does not repeat it.
_COVERED_FOR = datetime.timedelta(days=7)
#: Of 64 bits: a member's letters of a month have some dozens of lines.
_HASH_LENGTH = 16
#: What the reminder of the renewal asks for; to give the list to the schools is asked by no other letter.
_REMINDED_STATES = (RenewalState.OPEN, RenewalState.QUOTED)


class OfficeWeek(NamedTuple):
    """What the letters of all members of an office are written from."""

    at: datetime.datetime
    running: Sequence[PoolProgress]
    stuck: StuckKeys
    events: WeekEvents
    managers: Sequence[User]
    #: Accounts that had the letter of waiting requests within the week.
    informed: frozenset[int | None]
    #: Members who were reminded of the renewal within the week.
    reminded: frozenset[int]


def hash_line(item: TodoItem) -> str:
    """Return a short hash of a line, of its letters alone: « encore 44 jours » is no news after « encore 51 »."""
    letters = "".join(filter(str.isalpha, item.words))
    return hashlib.sha256((item.subject or letters).encode()).hexdigest()[:_HASH_LENGTH]


def load_week(at: datetime.datetime) -> OfficeWeek:
    """Return the state of the current office. Nine queries, ten where an order is unpaid."""
    today = date_in_paris(at)
    rights = read_rights()
    running = [pool for pool in list_pool_progress(rights) if not pool.position.entitlement.over_on(today)]
    reminders = MemberLetter.objects.filter(letter=Letter.RENEWAL, queued_at__gt=at - _COVERED_FOR)
    letters = Message.objects.filter(topic=OFFICE_TOPIC, created_at__gt=at - _COVERED_FOR)
    return OfficeWeek(
        at=at,
        running=running,
        stuck=list_stuck_keys(at, limit=1, rights=rights),
        events=find_week_events([pool.position for pool in running], at),
        managers=[one.user for one in list_members(Role.MANAGER)],
        reminded=frozenset(reminders.values_list("member_id", flat=True)),
        informed=frozenset(letters.exclude(state=MessageState.CANCELLED).values_list("topic_id", flat=True).order_by()),
    )


def list_member_items(member: Member, week: OfficeWeek) -> list[TodoItem]:
    """Return the lines of a member; empty where nothing asks for their hand. Three queries at most.

    Requests of schools and the decision on the next year are left out where a letter of their own told the member of
    them within the week.
    """
    roles = {Role(role) for role in member.roles}
    unpaid = [one.position for one in week.running if one.position.entitlement.temporary_until is not None]
    waiting = find_waiting(roles, [position.order_number for position in unpaid], week.at)
    if member.user_id in week.informed:
        waiting.requests = 0
    if member.pk in week.reminded and waiting.renewal in _REMINDED_STATES:
        waiting.renewal = None
    managers = [] if Role.MANAGER in roles else week.managers
    stuck = week.stuck._replace(dormant=0) if week.events.schools_are_away else week.stuck
    items = list_to_do(member, week.running, stuck, waiting, week.at, managers=managers)
    return [*items, *list_week_items(week.events, roles)]
