"""The reminder of the next school year to a buyer, rendered when it is sent from the list as it is then."""

import datetime

from django.db import transaction
from django.utils import timezone

from collectivities import letters
from collectivities.capabilities import Capability
from collectivities.letters import build_stop_url, claim_letters, describe_membership, find_recipient, list_recipients
from collectivities.models import Letter, Member, MemberLetter
from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from core.formatting import format_school_year
from jobs import due
from licensing.catalogue import pricing
from licensing.entitlements.models import available_on
from licensing.entitlements.office_keys import list_entitlements
from licensing.entitlements.queries import ends_in_school_year
from licensing.orders.models import OrderKind
from licensing.plans.renewals.models import DECIDED_STATES, RenewalState
from licensing.plans.renewals.operations import find_year_on_sale
from licensing.plans.renewals.queries import RenewalList, get_renewed_year, read_list
from mailing import kinds
from mailing import operations as mailing
from mailing.email_templates import render_email_template
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message
from tenants.models import Collectivity

#: Kind of the e-mails, and their topic, whose id is that of the `MemberLetter`.
REMINDER_KIND, REMINDER_TOPIC = "renewals.reminder", "renewal_reminder"


def run(*, at: datetime.datetime) -> int:
    """Write the reminders of this month, and schedule the next look; return how many were queued. Idempotent."""
    # First: the next month comes, whatever becomes of this one.
    _schedule_next(at)
    return write_reminders(at=at) if letters.is_sending_time(at) else 0


@transaction.atomic
def write_reminders(*, at: datetime.datetime) -> int:
    """Queue the reminder of the month of a moment for each buyer who had none in it, if something is to be decided."""
    today = date_in_paris(at)
    if today.month not in letters.RENEWAL_MONTHS or not has_bought(today) or find_list_to_decide(at) is None:
        return 0
    # An office without a buyer is bought for by its managers; one whose buyers want no reminder is not.
    buyers = Member.objects.who_may(Capability.BUY_LICENCES)
    members = list_recipients(Letter.RENEWAL, Capability.BUY_LICENCES if buyers.exists() else Capability.PLAN_LICENCES)
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
    if not letters.is_sending_time(at):
        # The worker was away: the next morning, which may still be of this month.
        due.schedule(letters.RENEWAL_REMINDERS, connection.schema_name, letters.get_next_sending_moment(at))
    elif has_bought(date_in_paris(at)):
        letters.schedule_renewal_reminder(at)


#: Of an office's page « Reconduire ».
PAGE = "/reconduire/"


def render(message: Message) -> RenderedEmail:
    """Render the reminder for sending. Raises `NoLongerDue`."""
    now = timezone.now()
    today = date_in_paris(now)
    letter = MemberLetter.objects.get(pk=message.topic_id or 0)
    if not letters.is_working_day(today) or today.replace(day=1) != letter.period:
        raise NoLongerDue("Le rappel n'a pas pu partir un jour ouvré de son mois.")
    member = find_recipient(letter.member_id, Letter.RENEWAL)
    if member is None:
        raise NoLongerDue("Cette personne a quitté le bureau, ou ne veut plus de ce rappel.")
    found = find_list_to_decide(now)
    if found is None:
        raise NoLongerDue("La reconduction était commandée, écartée, ou sans rien à acheter, à l'envoi.")
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    on_sale = found.total and find_year_on_sale(found.year, today)
    price = pricing.price_volume(found.to_order, today, found.year).amounts.ht if on_sale else None
    return render_email_template(
        "renewals/emails/reminder.txt",
        {
            "office": office,
            "year": format_school_year(found.year),
            "autumn": found.year - 1,
            "is_quoted": found.state is RenewalState.QUOTED,
            "found": found,
            "schools": sum(row.given > 0 for row in found.rows),
            "price": price is not None and f"{formatting.number(round(price))}{formatting.NO_BREAK_SPACE}€",
            "membership": describe_membership(member, office),
        },
        greeting=format_salutation(member.user.first_name),
        address=office.office_url(PAGE),
        unsubscribe_url=build_stop_url(office, member.pk, Letter.RENEWAL),
    )


kinds.register(REMINDER_KIND, label="Rappel de la reconduction", render=render)
