"""E-mails of invitations, in the portal's outbox: rendered with their links when they are sent, from the current rows.

A message holds the invitation's number only.
"""

import datetime
from collections.abc import Collection
from dataclasses import replace
from functools import partial

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import join_words
from core.links import add_token, portal_url
from licensing.entitlements.queries import may_see_teachers_of
from licensing.entitlements.wording import format_use
from licensing.requests.invitations.exceptions import InvitationRefused
from licensing.requests.invitations.models import TOPIC, TeacherInvitation, split_name
from licensing.requests.invitations.queries import check_usable
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message, MessageState, get_topic_id
from mailing.operations import NewMessage, cancel_in_portal, enqueue_in_portal
from schools.calendar import find_writing_moments
from schools.wording import format_school_name

INVITED = "teacher.invited"
REMINDED = "teacher.reminded"
EXPIRED = "teacher.expired"


def notify_invited(invitations: Collection[TeacherInvitation], at: datetime.datetime, *, kind: str = INVITED) -> None:
    """E-mail the invited persons, for the first time or (`REMINDED`) again."""
    emails = [NewMessage(kind, one.email, topic=TOPIC, topic_id=one.pk, about=one.name[:300]) for one in invitations]
    enqueue_in_portal(emails, at=at)


def cancel_emails(invitation_ids: Collection[int], at: datetime.datetime) -> None:
    """Cancel the e-mails to invited persons that have not left."""
    cancel_in_portal(TOPIC, invitation_ids, at)


def send_stopped_email(invitation: TeacherInvitation, at: datetime.datetime) -> None:
    """Queue the last letter of an invitation anew if it was cancelled before it left."""
    with schema_context(get_public_schema_name()):
        last = Message.objects.filter(topic=TOPIC, topic_id=invitation.pk).order_by("-pk").first()
    if last is not None and last.state == MessageState.CANCELLED:
        notify_invited([invitation], at, kind=last.kind)


def notify_inviters_of_expiry(invitations: Collection[TeacherInvitation], at: datetime.datetime) -> None:
    """Tell the principals which of their invitations nobody answered: one e-mail a subscription, on a writing day."""
    unanswered: dict[tuple[int, int], list[TeacherInvitation]] = {}
    for invitation in invitations:
        if invitation.invited_by.is_active:
            unanswered.setdefault((invitation.invited_by_id, invitation.subscription_id), []).append(invitation)
    schools = [one.subscription.school for one in invitations if one.subscription.school is not None]
    moments = find_writing_moments(schools, at)
    emails: dict[datetime.datetime, list[NewMessage]] = {}
    for (user_id, subscription_id), same in unanswered.items():
        moment = moments.get(str(same[0].subscription.school_id), at)
        context = {"user": user_id, "subscription": subscription_id, "invitations": [one.pk for one in same]}
        emails.setdefault(moment, []).append(NewMessage(EXPIRED, same[0].invited_by.email, context=context))
    for moment, due_then in emails.items():
        enqueue_in_portal(due_then, at=at, due_at=moment)


_MASKED = "●●●●●●●●"
_INVITATIONS = TeacherInvitation.objects.select_related(
    "invited_by", "subscription__school", "subscription__principal", "subscription__key__entitlement__product"
)


def render_invited(message: Message) -> RenderedEmail:
    """Invite a teacher, or remind them. Raises `NoLongerDue` where the link would open nothing."""
    invitation = _INVITATIONS.filter(pk=get_topic_id(message)).first()
    if invitation is None:
        raise NoLongerDue("L'invitation a été effacée avant l'envoi.")
    try:
        check_usable(invitation, timezone.now())
    except InvitationRefused as refusal:
        raise NoLongerDue(str(refusal)) from None
    return _render(message, invitation, invitation.link_token)


def render_preview(message: Message) -> RenderedEmail:
    """Render an invitation with the token of its link masked."""
    return _render(message, _INVITATIONS.get(pk=get_topic_id(message)), _MASKED)


def _render(message: Message, invitation: TeacherInvitation, token: str) -> RenderedEmail:
    inviter, school = invitation.invited_by, invitation.subscription.school
    if school is None:
        raise ValueError("Only principals of a school of the directory invite.")
    path = reverse("teacher_invitation", urlconf=settings.PUBLIC_SCHEMA_URLCONF)
    rendered = render_email_template(
        "invitations/emails/invited.txt",
        {
            "is_reminder": message.kind == REMINDED,
            "inviter": str(inviter) if inviter.is_active else "",
            "school": school,
            "town": f" ({school.commune})" if school.commune else "",
            "use": format_use(invitation.subscription.key.entitlement, date_in_paris(timezone.now())),
            "product_sentence": PRODUCT_SENTENCE,
            "expires_at": invitation.expires_at,
        },
        greeting=format_salutation(split_name(invitation.name).first),
        address=add_token(portal_url(path), token),
        typeset=str,
    )
    return replace(
        rendered,
        from_name=f"Pep’s – {format_school_name(school.name)}",
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
    return render_email_template(
        "invitations/emails/expired.txt",
        {"count": len(unanswered), "names": names},
        greeting=format_salutation(recipient.first_name),
        address=portal_url("mon-compte/"),
        typeset=str,
    )


_register_invitation = partial(kinds.register, render=render_invited, preview=render_preview)
_register_invitation(INVITED, label="Invitation d'un enseignant", is_by_hand=True)
_register_invitation(REMINDED, label="Rappel d'une invitation")
kinds.register(EXPIRED, label="Invitations sans réponse", render=render_expired)
