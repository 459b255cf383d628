"""What is asked of classes, without changing them: who teaches which."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db.models import F, Q

from licensing.classes.exceptions import NotYours
from licensing.classes.models import ClassInvitation, Classroom

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User

#: How long an invitation to share a class may be accepted.
INVITATION_DAYS = 7

NOT_YOURS = (
    "Cette classe n'est pas la vôtre, ou ne l'est plus : sa licence a pu être attribuée à un autre enseignant. "
    "Revenez à la liste de vos classes."
)


def taught_by(user: User) -> Q:
    """Return the condition that a class is taught by this person.

    He holds its seat, or was let in by whoever holds it now: a second teacher goes with the one who let him in.
    """
    return Q(seat__holder=user) | Q(second_teacher=user, second_let_in_by=F("seat__holder"))


def may_teach(user: User, classroom_id: int) -> Classroom:
    """Return the class, with its seat, licence and teachers. Raises `NotYours`, whether or not it exists."""
    classroom = (
        Classroom.objects.filter(taught_by(user), pk=classroom_id)
        .select_related("seat__holder", "seat__subscription__school", "seat__subscription__key__source__product",
                        "second_teacher")
        .first()
    )  # fmt: skip
    if classroom is None:
        raise NotYours(NOT_YOURS)
    return classroom


def second_teacher_of(classroom: Classroom) -> User | None:
    """Return the second teacher, if there is one: whom an earlier holder let in is none any more."""
    current = classroom.second_let_in_by_id is not None and classroom.second_let_in_by_id == classroom.seat.holder_id
    return classroom.second_teacher if current else None


def invitations_of(user: User, at: datetime.datetime) -> QuerySet[ClassInvitation]:
    """Return the invitations that this person may accept now, the latest first, with their classes and who asks."""
    return (
        ClassInvitation.objects.filter(
            teacher=user,
            by=F("classroom__seat__holder"),
            made_at__gt=at - datetime.timedelta(days=INVITATION_DAYS),
        )
        .select_related("classroom__seat__subscription__school", "by")
        .order_by("-made_at")
    )
