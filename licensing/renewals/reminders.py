"""Remind an office's buyers of the next school year, in April, June and August, until it is decided. In its schema."""

from __future__ import annotations

import datetime

from django.db import transaction

from collectivities import letter_days
from collectivities.letters import list_recipients
from collectivities.models import Letter, Member, Role
from collectivities.operations.letters import claim_letters
from core.calendar import date_in_paris
from core.connections import connection
from jobs import due
from licensing.entitlements.models import available_on
from licensing.entitlements.office_keys import list_entitlements
from licensing.entitlements.queries import ends_in_school_year
from licensing.orders.models import OrderKind
from licensing.renewals.models import DECIDED_STATES
from licensing.renewals.queries import get_renewed_year
from licensing.renewals.renewal_list import RenewalList, read_list
from mailing import operations as mailing

#: Kind of the e-mails, and their topic, whose id is that of the `MemberLetter`.
REMINDER_KIND, REMINDER_TOPIC = "renewals.reminder", "renewal_reminder"


def run(*, at: datetime.datetime) -> int:
    """Write the reminders of this month, and schedule the next look; return how many were queued. Idempotent."""
    # First: the next month comes, whatever becomes of this one.
    _schedule_next(at)
    return write_reminders(at=at) if letter_days.is_sending_time(at) else 0


@transaction.atomic
def write_reminders(*, at: datetime.datetime) -> int:
    """Queue the reminder of the month of a moment for each buyer who had none in it, if something is to be decided."""
    today = date_in_paris(at)
    if today.month not in letter_days.RENEWAL_MONTHS or not has_bought(today) or find_list_to_decide(at) is None:
        return 0
    # An office without a buyer is bought for by its managers; one whose buyers want no reminder is not.
    buyers = Member.objects.active().filter(roles__contains=[Role.BUYER])
    members = list_recipients(Letter.RENEWAL, Role.BUYER if buyers.exists() else Role.MANAGER)
    claimed = claim_letters({one.pk: () for one in members}, Letter.RENEWAL, period=today.replace(day=1), at=at)
    return mailing.enqueue_many(
        [
            mailing.NewMessage(
                kind=REMINDER_KIND,
                recipient=member.user.email,
                topic=REMINDER_TOPIC,
                topic_id=claimed[member.pk],
                about=str(member.user),
                context={"user": member.user_id},
            )
            for member in members
            if member.pk in claimed
        ],
        at=at,
    )


def has_bought(day: datetime.date) -> bool:
    """Whether the office bought licences of the running school year that can be used on a day. One query."""
    # A purchase opens its lot in its own transaction: each of these entitlements is a lot's.
    bought = list_entitlements().filter(
        available_on(day, ""),
        ends_in_school_year(get_renewed_year(day) - 1),
        cancelled_at=None,
        order_line__order__kind=OrderKind.PURCHASE,
    )
    return bought.exists()


def find_list_to_decide(at: datetime.datetime) -> RenewalList | None:
    """Return the list of the next year; None where it is decided, or all that it gives is bought. Six queries.

    Where nothing is proposed, as no school uses what it has, the office decides as well: until it typed a number.
    """
    found = read_list(get_renewed_year(date_in_paris(at)), at)
    is_untouched = found.given > 0 and not any(row.units or row.typed for row in found.rows)
    return found if (found.to_order or is_untouched) and found.state not in DECIDED_STATES else None


def _schedule_next(at: datetime.datetime) -> None:
    """Schedule the next look at an office that bought; the next purchase schedules that of others."""
    if not letter_days.is_sending_time(at):
        # The worker was away: the next morning, which may still be of this month.
        due.schedule(letter_days.RENEWAL_REMINDERS, connection.schema_name, letter_days.get_next_sending_moment(at))
    elif has_bought(date_in_paris(at)):
        letter_days.schedule_renewal_reminder(at)
