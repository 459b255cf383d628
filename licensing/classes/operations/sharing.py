"""A second teacher (half-time) shares the class with the one who holds its licence.

He is asked by his identifiant and says yes himself: letting somebody in at once would tell which identifiants exist,
and whose they are. The request answers the same for every identifiant and queues the same job; only the job looks.
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
_PROFILES: Sequence[Profile] = (Profile.TEACHER, Profile.PRINCIPAL)


def let_in(*, classroom_id: int, username: str, by: User, at: datetime.datetime) -> Classroom:
    """Invite the teacher who has this identifiant, if there is one, to share the class; return the class.

    It is his to accept, within a week. What is answered is the same whether or not the identifiant exists. Raises
    `NotYours`, `NotTheHolder`, `AlreadyShared`, `TooManyInvitations`.
    """
    return _let_in(classroom_id=classroom_id, username=username.strip()[:150], by=by, at=at)


@transaction.atomic
def _let_in(*, classroom_id: int, username: str, by: User, at: datetime.datetime) -> Classroom:
    classroom = lock_held(classroom_id, by)
    _refuse_if_shared(classroom)
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
    """Write the invitation that `let_in` queued and tell the teacher; return it, None where there is nobody to invite.

    A later one takes the place of the one before. Raises what `let_in` does, where things changed meanwhile.
    """
    classroom = lock_held(classroom_id, by)
    _refuse_if_shared(classroom)
    teacher = User.objects.filter(username=username.lower(), is_active=True, profile__in=_PROFILES).first()
    if teacher is None or teacher.pk == by.pk:
        return None
    invitation, _ = ClassInvitation.objects.update_or_create(
        classroom=classroom, defaults={"teacher": teacher, "by": by, "made_at": at}
    )
    notices.tell_invited(invitation)
    return invitation


@transaction.atomic
def accept(*, classroom_id: int, by: User, at: datetime.datetime) -> Classroom:
    """Let the invited teacher into the class, and tell who invited him; accepting twice is the same as once.

    Raises `NoInvitation` and `AlreadyShared`.
    """
    seat = lock_seat(Classroom.objects.filter(pk=classroom_id).values_list("seat_id", flat=True).first())
    classroom = Classroom.objects.locked().filter(pk=classroom_id).first()
    if seat is None or classroom is None:
        raise _none()
    classroom.seat = seat
    second = second_teacher_of(classroom)
    if second == by:
        return classroom
    invitation = invitations_of(by, at).filter(classroom=classroom).first()
    if invitation is None:
        raise _none()
    _refuse_if_shared(classroom)
    invitation.delete()
    classroom.second_teacher, classroom.second_let_in_by = by, invitation.by
    classroom.save(update_fields=["second_teacher", "second_let_in_by"])
    notices.tell_accepted(classroom, invitation.by, at)
    return classroom


@transaction.atomic
def decline(*, classroom_id: int, by: User, at: datetime.datetime) -> None:  # noqa: ARG001 - as all
    """Take the invitation off the invited teacher's list; who asked is not told. Twice is the same as once."""
    ClassInvitation.objects.filter(classroom=classroom_id, teacher=by).delete()


@transaction.atomic
def put_out(*, classroom_id: int, by: User, at: datetime.datetime) -> Classroom:
    """End the sharing, or take the invitation back; the other one is told. Twice is the same as once.

    Who holds the licence puts the second teacher out; a second teacher leaves. Raises `NotYours`.
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


def _refuse_if_shared(classroom: Classroom) -> None:
    second = second_teacher_of(classroom)
    if second is not None:
        raise AlreadyShared(
            f"{second} partage déjà cette classe. Mettez d'abord fin à ce partage pour inviter quelqu'un d'autre."
        )


def _none() -> NoInvitation:
    return NoInvitation("Cette invitation n'est plus valable : demandez à votre collègue de vous inviter de nouveau.")
