"""The reminder of the next school year to a buyer, rendered when it is sent from the list as it is then."""

from __future__ import annotations

import datetime

from django.utils import timezone

from collectivities import letter_days
from collectivities.letter_links import build_stop_url
from collectivities.letters import describe_membership, find_recipient
from collectivities.models import Letter, MemberLetter
from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from core.formatting import collectivity_forms
from licensing.catalogue import pricing
from licensing.renewals.models import RenewalState
from licensing.renewals.operations.ordering import find_year_on_sale
from licensing.renewals.reminders import REMINDER_KIND, find_list_to_decide
from licensing.renewals.renewal_list import RenewalList
from licensing.requests.school_years import format_school_year
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from tenants.models import Collectivity

#: Of an office's page « Reconduire ».
PAGE = "/reconduire/"


def render(message: Message) -> RenderedEmail:
    """Render the reminder for sending. Raises `NoLongerDue`."""
    now = timezone.now()
    today = date_in_paris(now)
    letter = MemberLetter.objects.get(pk=message.topic_id or 0)
    if not letter_days.is_working_day(today) or today.replace(day=1) != letter.period:
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
