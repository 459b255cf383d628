"""The reminder of the next school year to a buyer, rendered when it is sent from the list as it is then."""

from __future__ import annotations

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
from core.formatting import collectivity_forms
from jobs import due
from licensing.catalogue import pricing
from licensing.entitlements.models import available_on
from licensing.entitlements.office_keys import list_entitlements
from licensing.entitlements.queries import ends_in_school_year
from licensing.orders.models import OrderKind
from licensing.renewals.models import DECIDED_STATES, RenewalState
from licensing.renewals.operations import find_year_on_sale
from licensing.renewals.queries import RenewalList, get_renewed_year, read_list
from licensing.requests.queries import format_school_year
from mailing import kinds
from mailing import operations as mailing
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation, render_email
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
    year = format_school_year(found.year)
    return render_email(
        greeting=format_salutation(member.user.first_name),
        subject=f"Licences Pep's {year} {collectivity_forms(office.name).of_the} : {_describe_task(found)}",
        paragraphs=[
            _describe_running_year(found),
            _describe_proposal(found, today),
            (
                f"Un devis est établi ; la commande reste à passer avant la rentrée de septembre {found.year - 1}."
                if found.state is RenewalState.QUOTED
                else "Vous pouvez changer chaque nombre, en faire un devis et commander ; ou dire que vous ne "
                f"reconduisez pas. Les licences d'aujourd'hui prennent fin le 31 août {found.year - 1}."
            ),
        ],
        button="Ouvrir la proposition",
        address=office.office_url(PAGE),
        reason=(
            "Vous recevez ce rappel en avril, en juin et en août, tant que la reconduction n'est ni commandée ni "
            f"écartée, parce que {describe_membership(member, office)}. Vous choisissez vos lettres à la page "
            "« Mes e-mails » du bureau."
        ),
        unsubscribe_url=build_stop_url(office, member.pk, Letter.RENEWAL),
    )


def _describe_task(found: RenewalList) -> str:
    return "commande à passer" if found.state is RenewalState.QUOTED else "votre décision est attendue"


def _describe_running_year(found: RenewalList) -> str:
    schools = sum(row.given > 0 for row in found.rows)
    have = formatting.pluralize(schools, "école a", "écoles ont")
    used = formatting.pluralize(found.used, "est utilisée", "sont utilisées") if found.used else "aucune n'est utilisée"
    return f"Cette année, {have} {formatting.pluralize(found.given, 'licence')}, dont {used} aujourd'hui."


def _describe_proposal(found: RenewalList, today: datetime.date) -> str:
    """Return how many licences the list gives, and what those that are to be bought cost."""
    year = format_school_year(found.year)
    if not found.total:
        return f"Proposition pour {year} : aucune licence."
    of_list = f"Proposition pour {year} : {formatting.pluralize(found.total, 'licence')}"
    rest = "" if found.to_order == found.total else f", dont {formatting.number(found.to_order)} à acheter"
    if find_year_on_sale(found.year, today) is None:
        return f"{of_list}{rest}. Les tarifs de {year} ne sont pas encore publiés."
    price = pricing.price_volume(found.to_order, today, found.year).amounts.ht
    return f"{of_list}{rest}, soit environ {formatting.number(round(price))}\xa0€ HT."


kinds.register(REMINDER_KIND, label="Rappel de la reconduction", render=render)
