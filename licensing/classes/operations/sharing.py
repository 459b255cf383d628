"""Share a class with a second (half-time) teacher, by invitation.

The colleague is invited by username and has to accept: adding them at once would reveal which usernames exist, and
whose they are. The request gives the same answer and queues the same job for every username; only the job looks it up.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django_tenants.utils import get_public_schema_name

from accounts import throttling
from accounts.models import Profile, User
from jobs.tasks import defer
from licensing.classes import notices
from licensing.classes.exceptions import AlreadyShared, NoInvitation, TooManyInvitations
from licensing.classes.models import ClassInvitation, Classroom
from licensing.classes.operations.holding import lock_held, lock_seat, lock_taught
from licensing.classes.queries import invitations_of, second_teacher_of

if TYPE_CHECKING:
    from collections.abc import Sequence

BY_ACCOUNT = throttling.Limit("class/invite", 10, datetime.timedelta(days=1))
_INVITABLE_PROFILES: Sequence[Profile] = (Profile.TEACHER, Profile.PRINCIPAL)


def let_in(*, classroom_id: int, username: str, by: User, at: datetime.datetime) -> Classroom:
    """Queue an invitation to share the class to the teacher with this username, if any; return the class.

    They can accept it within a week. The result is the same whether or not the username exists. Raises `NotYours`,
    `NotTheHolder`, `AlreadyShared`, `TooManyInvitations`.
    """
    return _queue_invitation(classroom_id=classroom_id, username=username.strip()[:150], by=by, at=at)


@transaction.atomic
def _queue_invitation(*, classroom_id: int, username: str, by: User, at: datetime.datetime) -> Classroom:
    classroom = lock_held(classroom_id, by)
    _check_not_shared(classroom)
    try:
        throttling.count([(BY_ACCOUNT, str(by.pk))], at=at)
    except throttling.Throttled as throttled:
        raise TooManyInvitations(
            f"Vous avez invité trop de fois : patientez {throttling.in_words(throttled.wait)}, puis recommencez avec "
            "l'identifiant exact de votre collègue.",
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
    return classroom


@transaction.atomic
def invite(*, classroom_id: int, username: str, by: User, at: datetime.datetime) -> ClassInvitation | None:
    """Store a queued invitation and notify the teacher; return it, or None where no teacher matches.

    It replaces an earlier one. Raises as `let_in` does, where the situation changed meanwhile.
    """
    classroom = lock_held(classroom_id, by)
    _check_not_shared(classroom)
    teacher = User.objects.filter(username=username.lower(), is_active=True, profile__in=_INVITABLE_PROFILES).first()
    if teacher is None or teacher.pk == by.pk:
        return None
    invitation, _ = ClassInvitation.objects.update_or_create(
        classroom=classroom, defaults={"teacher": teacher, "by": by, "made_at": at}
    )
    notices.tell_invited(invitation)
    return invitation


@transaction.atomic
def accept(*, classroom_id: int, by: User, at: datetime.datetime) -> Classroom:
    """Make the invited teacher the second teacher of the class, and notify the inviter. Idempotent.

    Raises `NoInvitation` and `AlreadyShared`.
    """
    seat = lock_seat(Classroom.objects.filter(pk=classroom_id).values_list("seat_id", flat=True).first())
    classroom = Classroom.objects.locked().filter(pk=classroom_id).first()
    if seat is None or classroom is None:
        raise _no_invitation()
    classroom.seat = seat
    second = second_teacher_of(classroom)
    if second == by:
        return classroom
    invitation = invitations_of(by, at).filter(classroom=classroom).first()
    if invitation is None:
        raise _no_invitation()
    _check_not_shared(classroom)
    invitation.delete()
    classroom.second_teacher, classroom.second_let_in_by = by, invitation.by
    classroom.save(update_fields=["second_teacher", "second_let_in_by"])
    notices.tell_accepted(classroom, invitation.by, at)
    return classroom


@transaction.atomic
def decline(*, classroom_id: int, by: User, at: datetime.datetime) -> None:  # noqa: ARG001 - as all
    """Delete the invitation without notifying the inviter. Idempotent."""
    ClassInvitation.objects.filter(classroom=classroom_id, teacher=by).delete()


@transaction.atomic
def put_out(*, classroom_id: int, by: User, at: datetime.datetime) -> Classroom:
    """End the sharing or withdraw the invitation, and notify the other teacher. Idempotent.

    The holder removes the second teacher; a second teacher leaves. Raises `NotYours`.
    """
    classroom = lock_taught(classroom_id, by)
    second = second_teacher_of(classroom)
    classroom.second_teacher = classroom.second_let_in_by = None
    classroom.save(update_fields=["second_teacher", "second_let_in_by"])
    if by.pk == classroom.seat.holder_id:
        ClassInvitation.objects.filter(classroom=classroom).delete()
        if second is not None:
            notices.tell_put_out(classroom, second, at)
    elif classroom.seat.holder is not None:
        notices.tell_left(classroom, classroom.seat.holder, by, at)
    return classroom


def _check_not_shared(classroom: Classroom) -> None:
    second = second_teacher_of(classroom)
    if second is not None:
        raise AlreadyShared(
            f"{second} partage déjà cette classe. Mettez d'abord fin à ce partage pour inviter quelqu'un d'autre."
        )


def _no_invitation() -> NoInvitation:
    return NoInvitation("Cette invitation n'est plus valable : demandez à votre collègue de vous inviter de nouveau.")
