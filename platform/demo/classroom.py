"""Demo step: a teacher opens a class and creates pupils' accounts, and a pupil signs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.utils import timezone

from licensing.classes import operations
from licensing.classes.entry import may_enter_pupil, may_enter_user

if TYPE_CHECKING:
    from accounts.models import User
    from licensing.classes.entry import Entry
    from licensing.classes.operations import Credential

PUPILS = 24
NAME = "CE1 de Benoît"


class Classroom(NamedTuple):
    """Result of the step: the pupils' credentials, and whether teacher and pupil may enter."""

    cards: list[Credential]
    teacher: Entry
    pupil: Entry


def teach(teacher: User) -> Classroom:
    """Open the class of the teacher's seat, add pupils, sign the first one in, and check access."""
    now = timezone.now()
    seat = teacher.seats.get()
    classroom = operations.open_class(seat_id=seat.pk, by=teacher, name=NAME, at=now)
    cards = operations.add_pupils(classroom_id=classroom.pk, count=PUPILS, by=teacher, at=now)
    first = cards[0]
    pupil = operations.sign_in(
        login=first.login.replace("-", " ").upper(), password=first.password, address="127.0.0.1", at=now
    )
    return Classroom(cards, may_enter_user(teacher.pk, at=now), may_enter_pupil(pupil.pk, at=now))
