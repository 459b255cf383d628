"""Demo step: a teacher opens a class and creates pupils' accounts, and a pupil signs in."""

from __future__ import annotations

from typing import NamedTuple

from django.utils import timezone

from accounts.known_origins import Origin
from accounts.models import User
from licensing.classes import operations, pupils, words
from licensing.classes.entry_check import EntryDecision, check_pupil_entry, check_user_entry
from licensing.classes.pupils import Credential

PUPILS = 24
NAME = "CE1 de Benoît"


class DemoClass(NamedTuple):
    """Result of the step: the pupils' credentials, and whether teacher and pupil may enter."""

    cards: list[Credential]
    teacher: EntryDecision
    pupil: EntryDecision


def run_class(teacher: User) -> DemoClass:
    """Open the class of the teacher's seat, add pupils, sign the first one in, and check access."""
    now = timezone.now()
    seat = teacher.seats.get()
    classroom = operations.open_class(seat_id=seat.pk, by=teacher, name=NAME, at=now)
    created = pupils.add_pupils(classroom_id=classroom.pk, count=PUPILS, by=teacher, at=now)
    # As their cards show them.
    cards = [one._replace(login=words.spell(one.login), password=words.spell(one.password)) for one in created]
    first = cards[0]
    pupil, _ = operations.sign_in(
        login=first.login.replace("-", " ").upper(), password=first.password, origin=Origin("127.0.0.1"), at=now
    )
    return DemoClass(cards, check_user_entry(teacher.pk, at=now), check_pupil_entry(pupil.pk, at=now))
