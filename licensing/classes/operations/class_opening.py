"""Open the class of a seat, and rename a class."""

from __future__ import annotations

import datetime

from django.db import IntegrityError, transaction

from accounts.models import User
from licensing.classes import words
from licensing.classes.exceptions import ClassNotTaught, InvalidClassName
from licensing.classes.models import Classroom
from licensing.classes.operations.locks import check_licence_running, lock_seat, lock_taught_class
from licensing.entitlements.models import Seat

_MAX_NAME_LENGTH = 60
#: Collisions are rare: with thousands of classes, one draw in hundreds.
_MAX_ATTEMPTS = 50


@transaction.atomic
def open_class(*, seat_id: int, by: User, name: str, at: datetime.datetime) -> Classroom:
    """Open the class of a seat that `by` holds and return it, or return the existing one.

    A class passes on with its seat, including its pupils. Raises `ClassNotTaught`, `LicenceNotRunning`,
    `InvalidClassName`.
    """
    seat = lock_seat(seat_id)
    if seat is None or seat.holder_id != by.pk:
        raise ClassNotTaught(
            "Cette licence n’est pas la vôtre, ou ne l’est plus. Revenez à « Mon compte » : vos licences y sont."
        )
    classroom = Classroom.objects.filter(seat=seat).first()
    if classroom is not None:
        classroom.seat = seat
        return classroom
    check_licence_running(seat.subscription.key.entitlement, at)
    return create_class(seat, clean_class_name(name), opened_at=at)


@transaction.atomic
def rename(*, classroom_id: int, by: User, name: str, at: datetime.datetime) -> Classroom:  # noqa: ARG001 - as all
    """Rename the class. Raises `ClassNotTaught`, `InvalidClassName`."""
    classroom = lock_taught_class(classroom_id, by)
    classroom.name = clean_class_name(name)
    classroom.save(update_fields=["name"])
    return classroom


def clean_class_name(name: str) -> str:
    """Return the name without superfluous spaces. Raises `InvalidClassName`."""
    name = " ".join(name.split())
    if not name or len(name) > _MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidClassName(
            f"Donnez à la classe un nom de {_MAX_NAME_LENGTH} caractères au plus, par exemple « CE1 B » : il est "
            "affiché aux élèves."
        )
    return name


def create_class(seat: Seat, name: str, **fields: datetime.datetime | None) -> Classroom:
    """Create a class on a seat that has none, which the caller locked, under a new code."""
    for _ in range(_MAX_ATTEMPTS):
        try:
            with transaction.atomic():
                return Classroom.objects.create(seat=seat, code=words.generate_code(), name=name, **fields)
        except IntegrityError as error:
            # The code is taken: retry.
            if "code" not in str(error):
                raise
    raise RuntimeError("No free class code was drawn: the lists of words are too short for so many classes.")
