"""The e-mail that asks a school for licences, rendered when it is sent from the current rows."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable
from dataclasses import replace

from django.utils import timezone
from django_tenants.utils import get_public_schema_name, schema_context, tenant_context

from accounts.models import User
from collectivities.queries import get_office_contact, get_office_settings
from core import formatting
from core.calendar import date_in_paris
from core.formatting import collectivity_forms, school_forms
from core.links import portal_url
from licensing.entitlements.models import Subscription
from licensing.entitlements.wording import format_long_date
from licensing.returns.models import ReturnRequest
from licensing.returns.queries import count_unused
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from mailing.operations import NewMessage, cancel, enqueue_many
from schools.models import Affiliation

RETURN_REQUESTED = "return.requested"
#: `Message.topic` of the e-mails about a request; their `topic_id` is its primary key.
REQUEST_TOPIC = "return_request"


def list_addressees(key_ids: Collection[int]) -> dict[int, list[User]]:
    """Return by key whom to write to: the verified principals of its school, else the account credited if active.

    Two queries.
    """
    subscriptions = list(Subscription.objects.filter(key__in=key_ids).select_related("principal"))
    verified = Affiliation.objects.filter(
        school__in={one.school_id for one in subscriptions if one.school_id}, verified_at__isnull=False
    ).select_related("user")
    principals: dict[str | None, list[User]] = {}
    for affiliation in verified.order_by("verified_at", "pk"):
        principals.setdefault(affiliation.school_id, []).append(affiliation.user)
    return {
        one.key_id: principals.get(one.school_id)
        or [user for user in (one.principal,) if user.is_active and one.school_id is not None]
        for one in subscriptions
    }


def notify_principals(requests: Iterable[ReturnRequest], at: datetime.datetime) -> None:
    """E-mail the principals of each school that was asked."""
    asked = list(requests)
    addressees = list_addressees([request.key_id for request in asked])
    emails = [
        NewMessage(
            RETURN_REQUESTED,
            person.email,
            topic=REQUEST_TOPIC,
            topic_id=request.pk,
            context={"user": person.pk},
        )
        for request in asked
        for person in addressees.get(request.key_id, [])
    ]
    with schema_context(get_public_schema_name()):
        enqueue_many(emails, at=at)


def cancel_emails(request: ReturnRequest, at: datetime.datetime) -> None:
    """Cancel the e-mails about a request that have not left."""
    with schema_context(get_public_schema_name()):
        cancel(REQUEST_TOPIC, [request.pk], at)


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
