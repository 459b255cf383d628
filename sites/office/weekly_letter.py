"""The weekly letter to each member: what they can do, as their home page says it, and what happened in the week."""

import datetime
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Sum
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from collectivities.capabilities import Capability
from collectivities.letters import (
    WEEKLY_LETTER,
    build_stop_url,
    claim_letters,
    describe_membership,
    find_recipient,
    get_next_sending_moment,
    is_sending_time,
    is_working_day,
    list_recipients,
    schedule_weekly_letter,
)
from collectivities.models import Letter, Member, MemberLetter
from collectivities.queries import list_members
from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from imports.enums import ImportState
from imports.models import SpreadsheetImport
from jobs import due
from licensing.entitlements.models import available_on
from licensing.entitlements.office_keys import find_entitlements, list_entitlements
from licensing.plans.renewals.models import RenewalState
from licensing.pools.models import Allocation
from licensing.pools.positions import PoolPosition, PoolProgress, StuckKeys, read_progress
from licensing.pools.year_use import list_schools_without_licences
from licensing.requests.returns.queries import count_unused_of_office, list_office_returns
from licensing.requests.school_requests.emails import OFFICE_TOPIC
from licensing.requests.school_requests.models import LicenceRequest
from mailing import kinds
from mailing import operations as mailing
from mailing.email_templates import render_email_template
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message, MessageState
from schools.calendar import SUMMER_MONTHS, get_week
from sites.office.to_do import A_QUARTER, A_YEAR, TodoItem, find_pending_work, list_to_do
from tenants.models import Collectivity

_ONE_WEEK = datetime.timedelta(days=7)
#: Weeks before the week of a lot's last day in which its end is announced: time to give, then the last call.
ANNOUNCED_WEEKS = (4, 1)


class WeekEvents(NamedTuple):
    """What happened to licences; all zero, or empty, where nothing did."""

    #: Whatever they do not use, nobody can be written to about it.
    schools_are_away: bool
    returned_units: int
    returning_schools: int
    ending: Sequence[PoolPosition]
    #: Schools of the portfolio without any licence, given licences that serve nobody, and licences still to give.
    unserved_schools: int
    sleeping_units: int
    free_units: int

    @property
    def lacks_free_licences(self) -> bool:
        """Whether schools without licences could be served by those that sleep, and not by those still to give."""
        return not self.schools_are_away and self.sleeping_units > 0 and self.unserved_schools > self.free_units


def find_week_events(running: Sequence[PoolPosition], at: datetime.datetime) -> WeekEvents:
    """Return what happened in the seven days before; `running`: the pools that are not over."""
    today = date_in_paris(at)
    given = Allocation.objects.served().filter(pool__entitlement__in=find_entitlements(available_on(today, "")))
    returned = (
        list_office_returns()
        .filter(returned_at__gt=at - _ONE_WEEK, undone_at=None)
        .aggregate(units=Sum("units"), schools=Count("key", distinct=True))
    )
    unredeemed = given.dormant(at).filter(redeemed_at=None)
    asleep = unredeemed.aggregate(units=Sum("units"))["units"] or 0
    return WeekEvents(
        schools_are_away=today.month in SUMMER_MONTHS,
        returned_units=returned["units"] or 0,
        returning_schools=returned["schools"],
        ending=[one for one in running if _count_weeks(today, one.last_day) in ANNOUNCED_WEEKS],
        unserved_schools=list_schools_without_licences(today).count(),
        sleeping_units=asleep + count_unused_of_office(at).units,
        free_units=sum(one.free for one in running if one.entitlement.available_on(today)),
    )


def _count_weeks(today: datetime.date, last_day: datetime.date) -> int:
    return (get_week(last_day) - get_week(today)) // _ONE_WEEK


def list_week_items(events: WeekEvents, member: Member) -> Iterator[TodoItem]:
    """Yield what concerns a member; a reader reads it all, with links to what they may open."""
    follows = member.may(Capability.FOLLOW_LICENCES)
    if follows and events.returned_units:
        units = formatting.pluralize(events.returned_units, "licence")
        schools = formatting.pluralize(events.returning_schools, "école a rendu", "écoles ont rendu")
        free = "elle est de nouveau libre" if events.returned_units == 1 else "elles sont de nouveau libres"
        words = f"En sept jours, {schools} {units} : {free} dans {'son' if events.returned_units == 1 else 'leur'} lot."
        yield TodoItem(words, reverse("pools:pools"), "Voir les lots", A_YEAR, "returned")
    if follows or member.may(Capability.BUY_LICENCES):
        for position in events.ending:
            free = formatting.pluralize(position.free, "licence libre", "licences libres")
            left = f", avec {free}" if position.free else ""
            words = f"Le lot « {position.name} » se termine le {formatting.long_date(position.last_day)}{left}."
            url = f"{reverse('pools:pools')}#lot-{position.pool_id}"
            yield TodoItem(formatting.add_nonbreaking_spaces(words), url, "Voir le lot")
    if follows and events.lacks_free_licences:
        schools = formatting.pluralize(
            events.unserved_schools,
            "école de votre périmètre n'a aucune licence",
            "écoles de votre périmètre n'ont aucune licence",
        )
        sleeping = formatting.pluralize(
            events.sleeping_units, "licence donnée ne sert pas", "licences données ne servent pas"
        )
        words = f"{schools}, alors que {sleeping}."
        if member.may(Capability.GIVE_LICENCES):
            yield TodoItem(words, reverse("rebalancing:list"), "Rééquilibrer", A_QUARTER, "unserved")
        else:
            yield TodoItem(words, reverse("portfolio:list"), "Voir les écoles", A_QUARTER, "unserved")


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
    """Return the state of the current office. Eight queries, nine where an order is unpaid."""
    today = date_in_paris(at)
    pools, stuck = read_progress(at, limit=1)
    running = [pool for pool in pools if not pool.position.entitlement.over_on(today)]
    reminders = MemberLetter.objects.filter(letter=Letter.RENEWAL, queued_at__gt=at - _COVERED_FOR)
    letters = Message.objects.filter(topic=OFFICE_TOPIC, created_at__gt=at - _COVERED_FOR)
    return OfficeWeek(
        at=at,
        running=running,
        stuck=stuck,
        events=find_week_events([pool.position for pool in running], at),
        managers=[one.user for one in list_members(Capability.GIVE_LICENCES)],
        reminded=frozenset(reminders.values_list("member_id", flat=True)),
        informed=frozenset(letters.exclude(state=MessageState.CANCELLED).values_list("topic_id", flat=True).order_by()),
    )


def list_member_items(member: Member, week: OfficeWeek) -> list[TodoItem]:
    """Return the lines of a member; empty where nothing asks for their hand. Three queries at most.

    Requests of schools and the decision on the next year are left out where a letter of their own told the member of
    them within the week.
    """
    unpaid = [one.position for one in week.running if one.position.entitlement.temporary_until is not None]
    waiting = find_pending_work(member, [position.order_number for position in unpaid], week.at)
    if member.user_id in week.informed:
        waiting.requests = 0
    if member.pk in week.reminded and waiting.renewal in _REMINDED_STATES:
        waiting.renewal = None
    managers = [] if member.may(Capability.GIVE_LICENCES) else week.managers
    stuck = week.stuck._replace(dormant=0) if week.events.schools_are_away else week.stuck
    items = list_to_do(member, week.running, stuck, waiting, week.at, managers=managers)
    return [*items, *list_week_items(week.events, member)]


#: Kind of the e-mails, and their topic, whose id is that of the `MemberLetter`.
WEEKLY_KIND, WEEKLY_TOPIC = "office.weekly_letter", "weekly_letter"
#: After which every line is news again: see `TodoItem.cooldown_weeks`.
_LONGEST_COOLDOWN = datetime.timedelta(weeks=A_YEAR)


def run(*, at: datetime.datetime) -> int:
    """Write this week's letters, and schedule the next look; return how many letters were queued. Idempotent."""
    # First: the next week comes, whatever becomes of this one.
    _schedule_next(at)
    return write_letters(at=at) if is_sending_time(at) else 0


@transaction.atomic
def write_letters(*, at: datetime.datetime) -> int:
    """Queue the letter of the week of a moment for each member who has something to do and had none in it.

    It comes where a line of it is news: in none of the letters of its `cooldown_weeks`. Other numbers are no news.
    """
    members = list_recipients(Letter.WEEKLY)
    if not members:
        return 0
    week = load_week(at)
    monday = get_week(date_in_paris(at))
    last_weeks = _find_last_weeks(members, since=monday - _LONGEST_COOLDOWN)
    lines = {}
    for member in members:
        items = {hash_line(one): one for one in list_member_items(member, week)}
        last = last_weeks[member.pk]
        due_since = {line: monday - datetime.timedelta(weeks=one.cooldown_weeks) for line, one in items.items()}
        if any(last.get(line, datetime.date.min) <= since for line, since in due_since.items()):
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


#: Lines that a letter shows; the home page has the others.
MAX_ITEMS = 12


def build_renderer(messages: Sequence[Message]) -> Callable[[Message], RenderedEmail]:
    """Load once what the letters of an office say, and return a function that renders each."""
    now = timezone.now()
    week = load_week(now)
    letters = MemberLetter.objects.in_bulk([message.topic_id for message in messages])
    office = Collectivity.objects.get(schema_name=connection.schema_name)

    def render_one(message: Message) -> RenderedEmail:
        letter = letters[message.topic_id or 0]
        today = date_in_paris(now)
        if not is_working_day(today) or get_week(today) != letter.period:
            raise NoLongerDue("La lettre n'a pas pu partir un jour ouvré de sa semaine.")
        member = find_recipient(letter.member_id, Letter.WEEKLY)
        if member is None:
            raise NoLongerDue("Cette personne a quitté le bureau, ou ne veut plus de cette lettre.")
        items = list_member_items(member, week)
        if not items:
            raise NoLongerDue("Plus rien n'était à faire à l'envoi.")
        return _build(member, office, items)

    return render_one


def render(message: Message) -> RenderedEmail:
    """Render the letter for sending. Raises `NoLongerDue`."""
    return build_renderer([message])(message)


def _build(member: Member, office: Collectivity, items: Sequence[TodoItem]) -> RenderedEmail:
    shown = items[:MAX_ITEMS]
    return render_email_template(
        "office/emails/weekly_letter.txt",
        {
            "office": office,
            "points": len(items),
            "items": shown,
            "others": len(items) - len(shown),
            "membership": describe_membership(member, office),
        },
        address=office.office_url(),
        links=[office.office_url(item.url) for item in shown],
        greeting=format_salutation(member.user.first_name),
        unsubscribe_url=build_stop_url(office, member.pk, Letter.WEEKLY),
        # The lines are those of the home page, whose spaces they keep.
        typeset=str,
    )


kinds.register(WEEKLY_KIND, label="Lettre de la semaine", render=render, prefetch=build_renderer)
