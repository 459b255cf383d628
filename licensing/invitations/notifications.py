"""Queue the e-mails of invitations, in the portal's outbox. A message holds the invitation's number only."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django_tenants.utils import get_public_schema_name, schema_context

from licensing.invitations.models import TOPIC, TeacherInvitation
from mailing.models import Message, MessageState
from mailing.operations import NewMessage, cancel, enqueue_many
from schools.calendar import find_writing_moments

INVITED = "teacher.invited"
REMINDED = "teacher.reminded"
EXPIRED = "teacher.expired"


def notify_invited(invitations: Collection[TeacherInvitation], at: datetime.datetime, *, kind: str = INVITED) -> None:
    """E-mail the invited persons, for the first time or (`REMINDED`) again."""
    emails = [NewMessage(kind, one.email, topic=TOPIC, topic_id=one.pk, about=one.name[:300]) for one in invitations]
    with schema_context(get_public_schema_name()):
        enqueue_many(emails, at=at)


def cancel_emails(invitation_ids: Collection[int], at: datetime.datetime) -> None:
    """Cancel the e-mails to invited persons that have not left."""
    with schema_context(get_public_schema_name()):
        cancel(TOPIC, invitation_ids, at)


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
    with schema_context(get_public_schema_name()):
        for moment, due_then in emails.items():
            enqueue_many(due_then, at=at, due_at=moment)
