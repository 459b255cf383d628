"""The e-mail that asks a school for licences, rendered when it is sent from the current rows."""

from __future__ import annotations

from dataclasses import replace

from django.utils import timezone
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities.office_contact import get_office_contact
from collectivities.queries import get_office_settings
from core import formatting
from core.calendar import date_in_paris
from core.formatting import collectivity_forms, school_forms
from core.links import portal_url
from licensing.entitlements.wording import format_long_date
from licensing.returns.models import ReturnRequest
from licensing.returns.notifications import RETURN_REQUESTED
from licensing.returns.queries import count_unused
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message

_REQUESTS = ReturnRequest.objects.select_related("collectivity", "key__subscription__school", "key__school")


def render_requested(message: Message) -> RenderedEmail:
    """Ask a principal for licences that nobody uses. Raises `NoLongerDue` where nothing is to be answered any more."""
    request = _REQUESTS.get(pk=message.topic_id or 0)
    if request.outcome or timezone.now() >= request.expires_at:
        raise NoLongerDue("La demande a pris fin avant l'envoi.")
    unused = count_unused([request.key_id]).get(request.key_id, 0)
    if not unused:
        raise NoLongerDue("L'école utilise désormais toutes ses licences.")
    subscription, giver = request.key.subscription, collectivity_forms(request.collectivity.name).the
    school = school_forms(subscription.school.name if subscription.school else "").to_the
    count = min(request.units, unused)
    single, asked = count == 1, formatting.pluralize(count, "licence")
    until = format_long_date(date_in_paris(request.expires_at))
    choice = "la rendre ou la garder" if single else "les rendre, en rendre moins, ou les garder"
    asking, serve = f"{formatting.start_sentence(giver)} vous demande", "sert" if single else "servent"
    kept = "la licence reste" if single else "les licences restent"
    email = render_email(
        greeting=format_salutation(User.objects.get(pk=message.context["user"]).first_name),
        subject=f"{asking} {asked} Pep's qui ne {serve} pas".replace(formatting.NO_BREAK_SPACE, " "),
        paragraphs=[
            (
                f"{_describe_unused(subscription.size, unused, giver, school)} {asking} si "
                f"{asked} {'peut' if single else 'peuvent'} lui revenir, pour servir à d'autres écoles."
            ),
            (
                f"Vous pouvez {choice}, et dire pourquoi si vous le souhaitez. "
                "Aucune licence d'un enseignant, aucune classe, aucune invitation n'est touchée."
            ),
            f"Répondez jusqu'au {until}. Sans réponse, rien ne change : {kept} à l'école.",
        ],
        button="Répondre",
        address=portal_url(f"mon-compte/rendre/{subscription.pk}/"),
        notes=[
            ("Vous recevez ce message parce que vous administrez ces licences dans Pep's. Il n'y aura pas de rappel.")
        ],
    )
    with tenant_context(request.collectivity):
        presentation = get_office_settings()
        contact = get_office_contact(presentation)
    return replace(email, from_name=presentation.sender_name or request.collectivity.name, reply_to=contact.email)


def _describe_unused(size: int, unused: int, giver: str, school: str) -> str:
    """Return how many of the licences nobody uses. `school`: « à l'école Jean Jaurès »."""
    if size == 1:
        return f"La licence Pep's que {giver} a donnée {school} n'est utilisée par personne."
    if unused == size:
        return (
            f"Aucune des {formatting.pluralize(size, 'licence')} Pep's que {giver} a données {school} n'est utilisée."
        )
    of_these = "une n'est utilisée" if unused == 1 else f"{formatting.number(unused)} ne sont utilisées"
    return f"Des {formatting.pluralize(size, 'licence')} Pep's que {giver} a données {school}, {of_these} par personne."


kinds.register(RETURN_REQUESTED, label="Licences demandées", render=render_requested)
