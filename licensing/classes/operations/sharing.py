"""Share a class with a second (half-time) teacher, by invitation.

The colleague is invited by username and has to accept: adding them at once would reveal which usernames exist, and
whose they are. The request gives the same answer and queues the same job for every username; only the job looks it up.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import transaction
from django_tenants.utils import get_public_schema_name

from accounts import throttling
from accounts.models import Profile, User
from jobs.tasks import defer
from licensing.classes import notifications
from licensing.classes.exceptions import AlreadyShared, ClassNotTaught, NoInvitation, TooManyInvitations
from licensing.classes.models import ClassInvitation, Classroom
from licensing.classes.operations.locks import lock_classes, lock_held_class, lock_taught_class
from licensing.classes.queries import get_second_teacher, list_invitations

INVITATION_LIMIT = throttling.RateLimit("class/invite", 10, datetime.timedelta(days=1))
_INVITABLE_PROFILES: Sequence[Profile] = (Profile.TEACHER, Profile.PRINCIPAL)


def request_invitation(*, classroom_id: int, username: str, by: User, at: datetime.datetime) -> Classroom:
    """Queue an invitation to share the class to the teacher with this username, if any; return the class.

    They can accept it within a week. The result is the same whether or not the username exists. Raises
    `ClassNotTaught`, `NotSeatHolder`, `AlreadyShared`, `TooManyInvitations`.
    """
    return _queue_invitation(classroom_id=classroom_id, username=username.strip()[:150], by=by, at=at)


@transaction.atomic
def _queue_invitation(*, classroom_id: int, username: str, by: User, at: datetime.datetime) -> Classroom:
    classroom = lock_held_class(classroom_id, by)
    _check_not_shared(classroom)
    try:
        throttling.count_attempts([(INVITATION_LIMIT, str(by.pk))], at=at)
    except throttling.RateLimitExceeded as throttled:
        raise TooManyInvitations(
            f"Vous avez invité trop de fois : patientez {throttling.format_wait(throttled.wait)}, puis recommencez avec"
            " l’identifiant exact de votre collègue.",
            throttled.retry_after,
        ) from None
    defer(
        "classes.invite",
        schema=get_public_schema_name(),
        classroom_id=classroom_id,
        username=username,
        by_id=by.pk,
        asked_at=at.isoformat(),
    )
    classroom.invited_at = at
    classroom.save(update_fields=["invited_at"])
    return classroom


@transaction.atomic
def create_invitation(*, classroom_id: int, username: str, by: User, at: datetime.datetime) -> ClassInvitation | None:
    """Store a queued invitation and notify the teacher; return it, or None where no teacher matches.

    It replaces an earlier one. Idempotent: the invitation of the same moment is returned as it is. Raises as
    `request_invitation` does, where the situation changed meanwhile.
    """
    classroom = lock_held_class(classroom_id, by)
    _check_not_shared(classroom)
    teacher = User.objects.filter(username=username.lower(), is_active=True, profile__in=_INVITABLE_PROFILES).first()
    if teacher is None or teacher.pk == by.pk:
        return None
    stored = ClassInvitation.objects.filter(classroom=classroom, teacher=teacher, by=by, created_at=at).first()
    if stored is not None:
        return stored
    invitation, _ = ClassInvitation.objects.update_or_create(
        classroom=classroom, defaults={"teacher": teacher, "by": by, "created_at": at}
    )
    notifications.notify_invited_teacher(invitation)
    return invitation


@transaction.atomic
def accept(*, classroom_id: int, by: User, at: datetime.datetime) -> Classroom:
    """Make the invited teacher the second teacher of the class, and notify the inviter. Idempotent.

    Raises `NoInvitation` and `AlreadyShared`.
    """
    try:
        (classroom,) = lock_classes([classroom_id])
    except ClassNotTaught:
        raise _no_invitation() from None
    second = get_second_teacher(classroom)
    if second == by:
        return classroom
    invitation = list_invitations(by, at).filter(classroom=classroom).first()
    if invitation is None:
        raise _no_invitation()
    _check_not_shared(classroom)
    invitation.delete()
    classroom.second_teacher, classroom.second_invited_by, classroom.invited_at = by, invitation.by, None
    classroom.save(update_fields=["second_teacher", "second_invited_by", "invited_at"])
    notifications.notify_holder_of_acceptance(classroom, invitation.by, at)
    return classroom


@transaction.atomic
def decline(*, classroom_id: int, by: User, at: datetime.datetime) -> None:  # noqa: ARG001 - as all
    """Delete the invitation without notifying the inviter. Idempotent."""
    ClassInvitation.objects.filter(classroom=classroom_id, teacher=by).delete()


@transaction.atomic
def end_sharing(*, classroom_id: int, by: User, at: datetime.datetime) -> Classroom:
    """End the sharing or withdraw the invitation, and notify the other teacher. Idempotent.

    The holder removes the second teacher; a second teacher leaves. Raises `ClassNotTaught`.
    """
    classroom = lock_taught_class(classroom_id, by)
    second = get_second_teacher(classroom)
    classroom.second_teacher = classroom.second_invited_by = classroom.invited_at = None
    classroom.save(update_fields=["second_teacher", "second_invited_by", "invited_at"])
    if by.pk == classroom.seat.holder_id:
        ClassInvitation.objects.filter(classroom=classroom).delete()
        if second is not None:
            notifications.notify_removed_teacher(classroom, second, at)
    elif classroom.seat.holder is not None:
        notifications.notify_holder_of_departure(classroom, classroom.seat.holder, by, at)
    return classroom


def _check_not_shared(classroom: Classroom) -> None:
    second = get_second_teacher(classroom)
    if second is not None:
        raise AlreadyShared(
            f"{second} partage déjà cette classe. Mettez d’abord fin à ce partage pour inviter quelqu’un d’autre."
        )


def _no_invitation() -> NoInvitation:
    return NoInvitation("Cette invitation n’est plus valable : demandez à votre collègue de vous inviter de nouveau.")
