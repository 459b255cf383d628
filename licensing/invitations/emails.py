"""E-mails of invitations, rendered when they are sent from the current rows. Links are built then, too."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import join_words, school_forms, start_sentence
from core.links import add_token, portal_url
from licensing.entitlements.queries import may_see_teachers_of
from licensing.entitlements.wording import format_long_date, format_use
from licensing.invitations import notifications
from licensing.invitations.exceptions import InvitationRefused
from licensing.invitations.models import TeacherInvitation, split_name
from licensing.invitations.queries import check_usable
from mailing import kinds
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from schools.wording import format_school_name

_MASKED = "●●●●●●●●"
_INVITATIONS = TeacherInvitation.objects.select_related(
    "invited_by",
    "subscription__school",
    "subscription__principal",
    "subscription__key__entitlement__product",
)


def render_invited(message: Message) -> RenderedEmail:
    """Invite a teacher. Raises `NoLongerDue` where the link would open nothing."""
    invitation = _get_usable(message)
    return _render(invitation, invitation.link_token, is_reminder=False)


def render_reminded(message: Message) -> RenderedEmail:
    """Remind an invited teacher. Raises `NoLongerDue` where the link would open nothing."""
    invitation = _get_usable(message)
    return _render(invitation, invitation.link_token, is_reminder=True)


def render_preview(message: Message) -> RenderedEmail:
    """Render an invitation with the token of its link masked."""
    invitation = _INVITATIONS.get(pk=_topic_id(message))
    return _render(invitation, _MASKED, is_reminder=message.kind == notifications.REMINDED)


def _topic_id(message: Message) -> int:
    """Return the number of the invitation; every letter to an invited person has one."""
    if message.topic_id is None:
        raise ValueError(f"A message of kind {message.kind} needs a topic_id.")
    return message.topic_id


def _get_usable(message: Message) -> TeacherInvitation:
    invitation = _INVITATIONS.filter(pk=_topic_id(message)).first()
    if invitation is None:
        raise NoLongerDue("L'invitation a été effacée avant l'envoi.")
    try:
        check_usable(invitation, timezone.now())
    except InvitationRefused as refusal:
        raise NoLongerDue(str(refusal)) from None
    return invitation


def _render(invitation: TeacherInvitation, token: str, *, is_reminder: bool) -> RenderedEmail:
    subscription, inviter = invitation.subscription, invitation.invited_by
    if subscription.school is None:
        raise ValueError("Only principals of a school of the directory invite.")
    entitlement, today = subscription.key.entitlement, date_in_paris(timezone.now())
    school = school_forms(subscription.school.name)
    town = f" ({subscription.school.commune})" if subscription.school.commune else ""
    who = f"{inviter}, de la direction {school.of_the}{town}," if inviter.is_active else f"{school.the}{town}"
    path = reverse("teacher_invitation", urlconf=settings.PUBLIC_SCHEMA_URLCONF)
    rendered = render_email(
        greeting=format_salutation(split_name(invitation.name).first),
        subject=(
            f"Rappel : votre licence Pep’s vous attend {school.to_the}"
            if is_reminder
            else f"Une licence Pep’s vous attend {school.to_the}"
        ),
        paragraphs=[
            (
                f"{start_sentence(who)} vous a réservé une licence Pep’s, pour votre classe. Elle est valable"
                f" {format_use(entitlement, today)}."
            ),
            PRODUCT_SENTENCE,
            *(["Cette licence vous attend toujours : personne d’autre ne peut la prendre."] if is_reminder else []),
            "Il vous suffit de dire votre nom et de choisir un mot de passe : vous n’avez pas de clé à saisir.",
        ],
        button="Accepter ma licence",
        address=add_token(portal_url(path), token),
        notes=[
            (
                f"L’invitation vaut jusqu’au {format_long_date(invitation.expires_at)}. Ce lien est le vôtre : ne le "
                "transférez pas."
            ),
            "Vous n’enseignez pas dans cette école ? Ignorez cet e-mail : il ne se passera rien.",
        ],
    )
    return replace(
        rendered,
        from_name=f"Pep’s – {format_school_name(subscription.school.name)}",
        reply_to=inviter.email if inviter.is_active else "",
    )


def render_expired(message: Message) -> RenderedEmail:
    """Tell a principal which of their invitations nobody answered."""
    recipient = User.objects.get(pk=message.context["user"])
    unanswered = list(_INVITATIONS.filter(pk__in=message.context["invitations"]).order_by("pk"))
    if not unanswered:
        raise NoLongerDue("Les invitations ont été effacées avant l'envoi.")
    if not may_see_teachers_of(recipient, unanswered[0].subscription):
        raise NoLongerDue("La direction n'était plus vérifiée à l'envoi.")
    names = join_words([f"{one.name} ({one.email})" if one.name else one.email for one in unanswered])
    if len(unanswered) == 1:
        subject = "Une invitation est restée sans réponse"
        answer = f"{names} n’a pas répondu à votre invitation, qui a pris fin."
        licences = "La licence qui attendait est de nouveau disponible."
    else:
        subject = f"{len(unanswered)} invitations sont restées sans réponse"
        answer = f"{names} n’ont pas répondu à votre invitation, qui a pris fin."
        licences = "Les licences qui attendaient sont de nouveau disponibles."
    return render_email(
        greeting=format_salutation(recipient.first_name),
        subject=subject,
        paragraphs=[answer, f"{licences} Vérifiez les adresses : vous pouvez inviter de nouveau."],
        button="Voir mes enseignants",
        address=portal_url("mon-compte/"),
    )


kinds.register(
    notifications.INVITED,
    label="Invitation d'un enseignant",
    render=render_invited,
    preview=render_preview,
    is_by_hand=True,
)
kinds.register(notifications.REMINDED, label="Rappel d'une invitation", render=render_reminded, preview=render_preview)
kinds.register(notifications.EXPIRED, label="Invitations sans réponse", render=render_expired)
