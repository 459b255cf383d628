"""The e-mails of the office, rendered when they are sent, from the data of that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import User
from collectivities.models import Invitation, Role
from collectivities.queries import get_office_settings
from core.tenant_connection import connection
from core.urls import portal_url
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail
from tenants.models import Collectivity, OfficeRequest

if TYPE_CHECKING:
    from typing import Any

    from mailing.models import Message

_MASKED = "●●●●●●●●"


def _topic_id(message: Message) -> int:
    """Return the id of the object that the message is about; every kind of this module has one."""
    if message.topic_id is None:
        raise ValueError(f"A message of kind {message.kind} needs a topic_id.")
    return message.topic_id


def _render(name: str, subject: str, context: dict[str, Any], **headers: str) -> RenderedEmail:
    return RenderedEmail(
        subject=subject,
        text=render_to_string(f"collectivities/email/{name}.txt", context),
        html=render_to_string(f"collectivities/email/{name}.html", context | {"subject": subject}),
        **headers,
    )


def _render_invitation(message: Message, *, masked: bool) -> RenderedEmail:
    invitation = Invitation.objects.get(pk=_topic_id(message))
    collectivity = Collectivity.objects.get(schema_name=connection.schema_name)
    inviter = User.objects.filter(pk=invitation.invited_by_id).first() if invitation.invited_by_id else None
    token = _MASKED if masked else invitation.link_token
    return _render(
        "invitation",
        f"{collectivity.name} vous invite dans son bureau Pep's",
        {
            "collectivity": collectivity,
            "host": inviter,
            "roles": [Role(role).label for role in invitation.roles],
            "link": collectivity.office_url(f"/invitation/{token}/"),
            "office": collectivity.office_url(),
            "expires_at": invitation.expires_at,
        },
        from_name=f"Pep's – {collectivity.name}",
        reply_to=get_office_settings().reply_to,
    )


def render_invitation(message: Message) -> RenderedEmail:
    """Render an invitation to the office. Raises `NoLongerDue` where it is no longer valid."""
    if not Invitation.objects.get(pk=_topic_id(message)).is_valid(timezone.now()):
        raise NoLongerDue("L'invitation a été retirée, a expiré ou a déjà servi.")
    return _render_invitation(message, masked=False)


def render_invitation_preview(message: Message) -> RenderedEmail:
    """Render an invitation with the token of its link masked."""
    return _render_invitation(message, masked=True)


def render_office_requested(message: Message) -> RenderedEmail:
    """Render the acknowledgement of a request for an office."""
    request = OfficeRequest.objects.get(pk=_topic_id(message))
    return _render("office_requested", "Votre demande de bureau Pep's est bien reçue", {"office_request": request})


def render_office_request_arrived(message: Message) -> RenderedEmail:
    """Render the notification of a new request, for the operator."""
    request = OfficeRequest.objects.get(pk=_topic_id(message))
    link = portal_url(f"/admin/tenants/officerequest/{request.pk}/change/")
    return _render(
        "office_request_arrived",
        f"Demande de bureau : {request.name}",
        {"office_request": request, "link": link},
        reply_to=request.email,
    )


def render_office_declined(message: Message) -> RenderedEmail:
    """Render the refusal of a request, with its reason, for the applicant."""
    request = OfficeRequest.objects.get(pk=_topic_id(message))
    link = portal_url("/contact/")
    return _render("office_declined", "Votre demande de bureau Pep's", {"office_request": request, "contact": link})


kinds.register("invitation", label="Invitation au bureau", render=render_invitation, preview=render_invitation_preview)
kinds.register("office_requested", label="Accusé de réception d'une demande de bureau", render=render_office_requested)
kinds.register("office_request_arrived", label="Demande de bureau à traiter", render=render_office_request_arrived)
kinds.register("office_declined", label="Refus d'une demande de bureau", render=render_office_declined)
