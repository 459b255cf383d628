"""The e-mails of the office, rendered when they are sent, from the data of that moment."""

from dataclasses import replace

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from collectivities.models import SECOND_FACTOR_RULE_TOPIC, Invitation, list_role_labels
from collectivities.queries import get_office_settings
from core.connections import connection
from core.links import add_token, portal_url
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message, get_topic_id
from tenants.models import Collectivity, OfficeRequest

_MASKED = "●●●●●●●●"


def _render_invitation(invitation: Invitation, token: str) -> RenderedEmail:
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    inviter = User.objects.filter(pk=invitation.invited_by_id).first() if invitation.invited_by_id else None
    link = office.office_url(reverse("invitation", urlconf=settings.ROOT_URLCONF))
    rendered = render_email_template(
        "collectivities/emails/invitation.txt",
        {
            "office": office,
            "office_url": office.office_url(),
            "inviter": inviter,
            "roles": list_role_labels(invitation.roles),
            "product": PRODUCT_SENTENCE,
            "expires_at": invitation.expires_at,
        },
        address=add_token(link, token),
    )
    return replace(rendered, from_name=f"Pep's – {office.name}", reply_to=get_office_settings().reply_to)


def render_invitation(message: Message) -> RenderedEmail:
    """Render an invitation to the office. Raises `NoLongerDue` where it is no longer valid."""
    invitation = Invitation.objects.get(pk=get_topic_id(message))
    if not invitation.is_valid(timezone.now()):
        raise NoLongerDue("L'invitation a été retirée, a expiré ou a déjà servi.")
    return _render_invitation(invitation, invitation.link_token)


def render_invitation_preview(message: Message) -> RenderedEmail:
    """Render an invitation with the token of its link masked."""
    return _render_invitation(Invitation.objects.get(pk=get_topic_id(message)), _MASKED)


def render_office_requested(message: Message) -> RenderedEmail:
    """Render the acknowledgement of a request for an office."""
    request = OfficeRequest.objects.get(pk=get_topic_id(message))
    rendered = render_email_template("collectivities/emails/office_requested.txt", {"request": request})
    return replace(rendered, reply_to=settings.CONTACT_EMAIL)


def render_office_request_arrived(message: Message) -> RenderedEmail:
    """Render the notification of a new request, for the operator."""
    request = OfficeRequest.objects.get(pk=get_topic_id(message))
    details = [
        f"Collectivité : {request.name} ({request.get_kind_display()})",
        f"SIREN : {request.siren}",
        f"Demandeur : {request.applicant}{f', {request.role}' if request.role else ''}",
        f"Adresse : {request.email}",
        *([f"Téléphone : {request.phone}"] if request.phone else []),
    ]
    rendered = render_email_template(
        "collectivities/emails/office_request_arrived.txt",
        {"request": request, "details": "\n".join(details)},
        address=portal_url(f"/admin/tenants/officerequest/{request.pk}/change/"),
    )
    return replace(rendered, reply_to=request.email)


def render_office_declined(message: Message) -> RenderedEmail:
    """Render the refusal of a request, with its reason, for the applicant."""
    request = OfficeRequest.objects.get(pk=get_topic_id(message))
    return render_email_template(
        "collectivities/emails/office_declined.txt",
        {"request": request},
        greeting=format_salutation(request.applicant),
        address=portal_url("/contact/"),
    )


def render_second_factor_rule(message: Message) -> RenderedEmail:
    """Render the notice that a manager switched the required second factor on or off, for the other managers."""
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    actor = User.objects.get(pk=get_topic_id(message))
    return render_email_template(
        "collectivities/emails/second_factor_rule.txt",
        {"office": office, "actor": actor, "needed": message.context["needed"]},
        address=office.office_url("/reglages/"),
    )


kinds.register(
    SECOND_FACTOR_RULE_TOPIC, label="Double authentification demandée ou non", render=render_second_factor_rule
)
kinds.register(
    "invitation",
    label="Invitation au bureau",
    render=render_invitation,
    preview=render_invitation_preview,
    is_by_hand=True,
)
kinds.register("office_requested", label="Accusé de réception d'une demande de bureau", render=render_office_requested)
kinds.register("office_request_arrived", label="Demande de bureau à traiter", render=render_office_request_arrived)
kinds.register("office_declined", label="Refus d'une demande de bureau", render=render_office_declined)
