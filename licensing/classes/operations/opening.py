"""A seat opens one class, which keeps its name until its teacher changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from licensing.classes import words
from licensing.classes.exceptions import BadName, NotYours
from licensing.classes.models import Classroom
from licensing.classes.operations.holding import lock_seat, lock_taught, refuse_unless_running

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from licensing.subscriptions.models import Seat

_LONGEST_NAME = 60
#: A drawn code is taken once in hundreds of draws, even with thousands of classes.
_DRAWS = 50


@transaction.atomic
def open_class(*, seat_id: int, by: User, name: str, at: datetime.datetime) -> Classroom:
    """Open the class of a seat that `by` holds, and return it; the seat's class where it is open already.

    A class passes with its seat: whoever holds it now finds the pupils of the one before. Raises `NotYours`,
    `LicenceNotRunning`, `BadName`.
    """
    seat = lock_seat(seat_id)
    if seat is None or seat.holder_id != by.pk:
        raise NotYours(
            "Cette licence n'est pas la vôtre, ou ne l'est plus. Revenez à « Mon compte » : vos licences y sont."
        )
    classroom = Classroom.objects.filter(seat=seat).first()
    if classroom is not None:
        classroom.seat = seat
        return classroom
    refuse_unless_running(seat.subscription.key.source, at)
    return _create(seat, _named(name), at)


@transaction.atomic
def rename(*, classroom_id: int, by: User, name: str, at: datetime.datetime) -> Classroom:  # noqa: ARG001 - as all
    """Give the class another name. Raises `NotYours`, `BadName`."""
    classroom = lock_taught(classroom_id, by)
    classroom.name = _named(name)
    classroom.save(update_fields=["name"])
    return classroom


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadName(
            f"Donnez à la classe un nom de {_LONGEST_NAME} caractères au plus, par exemple « CE1 B » : il est affiché "
            "aux élèves."
        )
    return name


def _create(seat: Seat, name: str, at: datetime.datetime) -> Classroom:
    for _ in range(_DRAWS):
        try:
            with transaction.atomic():
                return Classroom.objects.create(seat=seat, code=words.draw_code(), name=name, opened_at=at)
        except IntegrityError as broken:
            # Another class has the code: the unique column, and not a look before, decides.
            if "code" not in str(broken):
                raise
    raise RuntimeError("No free class code was drawn: the lists of words are too short for so many classes.")
