"""Queries about classes: who teaches them, and invitations to share them."""

from __future__ import annotations

import datetime

from django.db.models import Count, F, Q, QuerySet

from accounts.models import User
from licensing.classes.exceptions import ClassNotTaught
from licensing.classes.models import ClassInvitation, Classroom, PupilHandover

#: Validity of an invitation to share a class.
INVITATION_DAYS = 7

NOT_TAUGHT_MESSAGE = (
    "Cette classe n’est pas la vôtre, ou ne l’est plus : sa licence a pu être attribuée à un autre enseignant. "
    "Revenez à la liste de vos classes."
)


def taught_by(user: User) -> Q:
    """Return the condition that the user teaches a class.

    They hold its seat, or were invited as second teacher by its current holder.
    """
    return Q(seat__holder=user) | Q(second_teacher=user, second_invited_by=F("seat__holder"))


def is_taught_by(classroom: Classroom, user: User) -> bool:
    """Whether the user teaches a class, with its seat, that is in memory: `taught_by` without a query."""
    holder = classroom.seat.holder_id
    is_second = classroom.second_teacher_id == user.pk and classroom.second_invited_by_id == holder
    return holder is not None and (holder == user.pk or is_second)


def get_taught_class(user: User, classroom_id: int) -> Classroom:
    """Return the class, with its seat, entitlement and teachers. Raises `ClassNotTaught`, also for a missing one."""
    classroom = (
        Classroom.objects.filter(taught_by(user), pk=classroom_id)
        .select_related("seat__holder", "seat__subscription__school", "seat__subscription__key__entitlement__product",
                        "second_teacher")
        .first()
    )  # fmt: skip
    if classroom is None:
        raise ClassNotTaught(NOT_TAUGHT_MESSAGE)
    return classroom


def get_second_teacher(classroom: Classroom) -> User | None:
    """Return the second teacher, or None; one invited by a former holder does not count."""
    is_current = (
        classroom.second_invited_by_id is not None and classroom.second_invited_by_id == classroom.seat.holder_id
    )
    return classroom.second_teacher if is_current else None


def is_inviting(classroom: Classroom, at: datetime.datetime) -> bool:
    """Whether an invitation to share the class was sent that may still be valid, whether or not it found somebody."""
    return classroom.invited_at is not None and at - classroom.invited_at < datetime.timedelta(days=INVITATION_DAYS)


def list_invitations(user: User, at: datetime.datetime) -> QuerySet[ClassInvitation]:
    """Return the invitations that the user can accept now, the latest first, with classes and inviters."""
    return (
        ClassInvitation.objects.filter(
            teacher=user,
            by=F("classroom__seat__holder"),
            created_at__gt=at - datetime.timedelta(days=INVITATION_DAYS),
        )
        .select_related("classroom__seat__subscription__school", "by")
        .order_by("-created_at")
    )


def list_pending_handovers(classroom: Classroom, at: datetime.datetime) -> QuerySet[PupilHandover]:
    """Return the codes of a class that a colleague may still type, each with the `size` of its pupils. One query."""
    return (
        PupilHandover.objects.filter(classroom=classroom, ended_at__isnull=True, expires_at__gt=at)
        .annotate(size=Count("pupils"))
        .order_by("expires_at", "pk")
    )
