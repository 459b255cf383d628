"""Which letters come to a member by themselves: by their roles, and by their choice."""

import datetime
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, cast

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from collectivities.capabilities import ACTS, Capability
from collectivities.models import Letter, LetterChoice, Member, MemberLetter, list_role_labels
from collectivities.queries import list_reachable_members
from core.calendar import PARIS, date_in_paris, extend_to_working_day
from core.connections import connection
from core.formatting import collectivity_forms, join_words
from jobs import due
from schools.calendar import get_week
from tenants.models import Collectivity

#: Kind of the due work that writes an office's weekly letters.
WEEKLY_LETTER = "office.weekly_letter"
#: Hour in Paris at which letters leave, and from which none leaves any more.
SEND_HOUR, LAST_HOUR = 8, 18
#: Kind of the due work that reminds an office's buyers of the next year, and the months on whose first working day.
RENEWAL_REMINDERS, RENEWAL_MONTHS = "renewals.remind", (4, 6, 8)
_ONE_WEEK = datetime.timedelta(days=7)


def is_working_day(day: datetime.date) -> bool:
    """Whether town halls work: no Saturday, no Sunday, no public holiday."""
    return extend_to_working_day(day) == day


def get_sending_moment(day: datetime.date) -> datetime.datetime:
    """Return when letters leave that are due on a day: that morning, or on the next working day's."""
    return datetime.datetime.combine(extend_to_working_day(day), datetime.time(SEND_HOUR), tzinfo=PARIS)


def is_sending_time(at: datetime.datetime) -> bool:
    """Whether a letter may leave at a moment: one that was kept waiting into a night or a weekend is late."""
    local = at.astimezone(PARIS)
    return is_working_day(local.date()) and SEND_HOUR <= local.hour < LAST_HOUR


def get_next_sending_moment(at: datetime.datetime) -> datetime.datetime:
    """Return when letters leave next, on whichever day."""
    today = date_in_paris(at)
    moment = get_sending_moment(today)
    return moment if moment > at else get_sending_moment(today + datetime.timedelta(days=1))


def get_next_weekly_moment(at: datetime.datetime) -> datetime.datetime:
    """Return when the next weekly letters leave: this week's where that is still to come."""
    monday = get_week(date_in_paris(at))
    this_week = get_sending_moment(monday)
    return this_week if this_week > at else get_sending_moment(monday + _ONE_WEEK)


def schedule_weekly_letter(at: datetime.datetime) -> None:
    """Have the current office looked at for its next weekly letter; late in the transaction that causes something."""
    due.schedule(WEEKLY_LETTER, connection.schema_name, get_next_weekly_moment(at))


def get_next_renewal_moment(at: datetime.datetime) -> datetime.datetime:
    """Return when the next reminders of the renewal leave: on the first working day of one of `RENEWAL_MONTHS`."""
    today = date_in_paris(at)
    days = (datetime.date(year, month, 1) for year in (today.year, today.year + 1) for month in RENEWAL_MONTHS)
    return next(moment for moment in map(get_sending_moment, days) if moment > at)


def schedule_renewal_reminder(at: datetime.datetime) -> None:
    """Have the current office, which bought licences, looked at when reminders of the renewal leave next."""
    due.schedule(RENEWAL_REMINDERS, connection.schema_name, get_next_renewal_moment(at))


_SALT = "collectivities.letter-links"
#: Seconds after which a link is refused.
_MAX_AGE = 400 * 24 * 3600


class LetterLink(NamedTuple):
    """What a link is about, in the current schema."""

    member_id: int
    letter: Letter


def build_stop_url(office: Collectivity, member_id: int, letter: Letter) -> str:
    """Return the address at the office's host that turns the letter off for a member of the current schema."""
    token = signing.dumps([connection.schema_name, member_id, letter.value], salt=_SALT)
    return office.office_url(reverse("letter_stop", args=[token], urlconf=settings.ROOT_URLCONF))


@sensitive_variables("token")
def read_token(token: str) -> LetterLink | None:
    """Return what the token of a link is about; None where we did not sign it for this office, or long ago."""
    try:
        schema, member_id, letter = cast("list[str]", signing.loads(token, salt=_SALT, max_age=_MAX_AGE))
    except signing.BadSignature:
        return None
    return LetterLink(int(member_id), Letter(letter)) if schema == connection.schema_name else None


#: What a letter asks of whoever gets it; nothing of a letter to all members.
_ASKS = {
    Letter.WEEKLY: (),
    Letter.FAILURE: (Capability.GIVE_LICENCES,),
    Letter.RENEWAL: (Capability.PLAN_LICENCES,),
    Letter.REQUESTS: (Capability.GIVE_LICENCES,),
}


def list_offered(member: Member) -> list[Letter]:
    """Return the letters that the member may get."""
    return [letter for letter, asked in _ASKS.items() if not asked or member.may(*asked)]


def find_wanted(member: Member) -> dict[Letter, bool]:
    """Return each letter that the member may get, and whether it comes: chosen, else if they act. One query."""
    chosen = dict(LetterChoice.objects.filter(member_id=member.pk).values_list("letter", "is_wanted"))
    return {letter: chosen.get(letter, member.may(*ACTS)) for letter in list_offered(member)}


def list_recipients(letter: Letter, *asked: Capability) -> list[Member]:
    """Return the members to whom the letter comes; `asked`: who may do one of these. Three queries."""
    return keep_wanting(sorted(list_reachable_members(*asked or _ASKS[letter]), key=lambda member: member.pk), letter)


def keep_wanting(members: Iterable[Member], letter: Letter) -> list[Member]:
    """Return those of the members to whom the letter comes. One query."""
    members = list(members)
    choices = LetterChoice.objects.filter(letter=letter, member__in=[one.pk for one in members])
    chosen = dict(choices.values_list("member_id", "is_wanted"))
    return [one for one in members if letter in list_offered(one) and chosen.get(one.pk, one.may(*ACTS))]


def find_recipient(member_id: int, letter: Letter) -> Member | None:
    """Return the member if the letter still comes to them, else None: they left, or turned it off. Three queries."""
    members = [one for one in Member.objects.active().filter(pk=member_id) if one.user.is_active]
    return next(iter(keep_wanting(members, letter)), None)


def describe_membership(member: Member, office: Collectivity) -> str:
    """Return « vous êtes gestionnaire et acheteur du bureau de la ville de Nîmes »."""
    roles = join_words([label.lower() for label in list_role_labels(member.roles)])
    return f"vous êtes {roles} du bureau {collectivity_forms(office.name).of_the}"


_TABLE = MemberLetter._meta.db_table  # noqa: SLF001 - documented
# In the order of the members: two workers that write to the same ones wait, and never for each other.
_CLAIM = f"""
INSERT INTO {_TABLE} (member_id, letter, period, queued_at, lines)
SELECT member_id, %s, %s, %s, string_to_array(lines, ' ')
FROM unnest(%s::bigint[], %s::text[]) AS letter (member_id, lines)
ORDER BY member_id
ON CONFLICT (member_id, letter, period) DO NOTHING RETURNING member_id, id
"""  # noqa: S608 - the table's own name


@transaction.atomic
def choose_letters(*, member: Member, wanted: Mapping[Letter, bool], at: datetime.datetime) -> list[Letter]:
    """Have these letters sent to the member, or not, and return those whose choice changed. Idempotent."""
    before = find_wanted(member)
    changed = [letter for letter, is_wanted in wanted.items() if before.get(letter) is not is_wanted]
    # In one order for everybody.
    rows = [
        LetterChoice(member=member, letter=letter, is_wanted=wanted[letter], chosen_at=at) for letter in sorted(changed)
    ]
    LetterChoice.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["member", "letter"], update_fields=["is_wanted", "chosen_at"]
    )
    return changed


def claim_letters(
    lines: Mapping[int, Collection[str]], letter: Letter, *, period: datetime.date, at: datetime.datetime
) -> dict[int, int]:
    """Claim a letter of a period for members; return by member the number of it, for those who had none.

    `lines`: by member, the hashes of what the letter says.

    In the transaction that queues the e-mails: whoever comes second waits for its end, and then does not write.
    Lock order: after all rows that the letter is about, before due work.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [letter.value, period, at, list(lines), [" ".join(one) for one in lines.values()]])
        return dict(cursor.fetchall())
