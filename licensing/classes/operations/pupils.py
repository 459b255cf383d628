"""Pupils' accounts: made, erased, given new passwords, unlocked.

A password leaves here once, in the answer of the operation that drew it; only its hash is stored. Hashing takes a
while, and is done before anything is locked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from licensing.classes import passwords, words
from licensing.classes.exceptions import BadCount, ClassFull, NoSuchPupil
from licensing.classes.models import MOST_PUPILS, Classroom, PupilAccount, PupilAccountQuerySet
from licensing.classes.operations.holding import lock_taught, refuse_unless_running
from licensing.classes.queries import may_teach

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection

    from accounts.models import User


class Credential(NamedTuple):
    """What stands on a pupil's card. Shown once: the password cannot be read again."""

    number: int
    login: str
    password: str


class _Drawn(NamedTuple):
    password: str
    stored: str


@sensitive_variables()
def add_pupils(*, classroom_id: int, count: int, by: User, at: datetime.datetime) -> list[Credential]:
    """Make so many accounts under the lowest free numbers, and return what to print on their cards.

    Raises `NotYours`, `LicenceNotRunning`, `BadCount`, and `ClassFull`, which says how many are left: none is made.
    """
    classroom = may_teach(by, classroom_id)
    refuse_unless_running(classroom.seat.subscription.key.source, at)
    if count < 1:
        raise BadCount(f"Indiquez combien de comptes créer : de 1 à {MOST_PUPILS}.")
    # Before the hashing, which would be for nothing.
    if count > MOST_PUPILS:
        raise _full(MOST_PUPILS - classroom.pupils.count(), count)
    return _add_pupils(classroom_id=classroom_id, drawn=_draw(count), by=by, at=at)


@sensitive_variables()
@transaction.atomic
def _add_pupils(*, classroom_id: int, drawn: list[_Drawn], by: User, at: datetime.datetime) -> list[Credential]:
    classroom = lock_taught(classroom_id, by)
    refuse_unless_running(classroom.seat.subscription.key.source, at)
    taken = dict(classroom.pupils.values_list("number", "word"))
    free = [number for number in range(1, MOST_PUPILS + 1) if number not in taken]
    if len(free) < len(drawn):
        raise _full(len(free), len(drawn))
    pupils = [
        PupilAccount(
            classroom=classroom, number=number, word=word, password=new.stored, created_at=at, password_set_at=at
        )
        for number, word, new in zip(
            free, words.draw_pupils(len(drawn), besides=set(taken.values())), drawn, strict=False
        )
    ]
    PupilAccount.objects.bulk_create(pupils)
    return [Credential(pupil.number, pupil.login, new.password) for pupil, new in zip(pupils, drawn, strict=True)]


@transaction.atomic
def remove_pupil(*, classroom_id: int, number: int, by: User, at: datetime.datetime) -> None:  # noqa: ARG001 - as all
    """Erase the account of that number, which is free again; erasing it twice is the same. Raises `NotYours`."""
    classroom = lock_taught(classroom_id, by)
    classroom.pupils.filter(number=number).delete()


@sensitive_variables()
def reset_passwords(
    *, classroom_id: int, numbers: Collection[int] | None, by: User, at: datetime.datetime
) -> list[Credential]:
    """Give new passwords to the pupils of those numbers, to all where None, and return what to print.

    Whoever was signed in under the old one is signed out, and a locked pupil is unlocked. Raises `NotYours`,
    `LicenceNotRunning`, and `NoSuchPupil` where one of the numbers is nobody's; nothing is then changed.
    """
    classroom = may_teach(by, classroom_id)
    refuse_unless_running(classroom.seat.subscription.key.source, at)
    wanted = None if numbers is None else set(numbers)
    if wanted is not None and not wanted:
        raise BadCount("Cochez au moins un élève dont le mot de passe doit changer.")
    count = classroom.pupils.count() if wanted is None else min(len(wanted), MOST_PUPILS)
    return _reset_passwords(classroom_id=classroom_id, numbers=wanted, drawn=_draw(count), by=by, at=at)


@sensitive_variables()
@transaction.atomic
def _reset_passwords(
    *, classroom_id: int, numbers: set[int] | None, drawn: list[_Drawn], by: User, at: datetime.datetime
) -> list[Credential]:
    classroom = lock_taught(classroom_id, by)
    refuse_unless_running(classroom.seat.subscription.key.source, at)
    pupils = list(_of(classroom, numbers).locked().order_by("number"))
    if numbers is not None and len(pupils) < len(numbers):
        raise _nobody(min(numbers - {pupil.number for pupil in pupils}))
    # Pupils who were added since the passwords were drawn get theirs now.
    drawn = drawn + _draw(max(0, len(pupils) - len(drawn)))
    renewed = list(zip(pupils, drawn, strict=False))
    for pupil, new in renewed:
        pupil.classroom = classroom
        pupil.password, pupil.password_set_at, pupil.failures, pupil.locked_at = new.stored, at, 0, None
    PupilAccount.objects.bulk_update(pupils, ["password", "password_set_at", "failures", "locked_at"])
    return [Credential(pupil.number, pupil.login, new.password) for pupil, new in renewed]


@transaction.atomic
def unlock(*, classroom_id: int, number: int | None, by: User, at: datetime.datetime) -> None:  # noqa: ARG001 - as all
    """Let a pupil try again, or, where None, open the class to all its pupils. Raises `NotYours`, `NoSuchPupil`."""
    classroom = lock_taught(classroom_id, by)
    pupils = [pupil.pk for pupil in _of(classroom, None if number is None else {number}).locked()]
    if number is None:
        Classroom.objects.filter(pk=classroom.pk).update(failures=0, locked_at=None)
    elif not pupils:
        raise _nobody(number)
    PupilAccount.objects.filter(pk__in=pupils).update(failures=0, locked_at=None)


@sensitive_variables()
def _draw(count: int) -> list[_Drawn]:
    chosen = [words.draw_password() for _ in range(count)]
    return [_Drawn(password, passwords.store(password)) for password in chosen]


def _of(classroom: Classroom, numbers: set[int] | None) -> PupilAccountQuerySet:
    pupils = PupilAccount.objects.filter(classroom=classroom)
    return pupils if numbers is None else pupils.filter(number__in=numbers)


def _full(left: int, wanted: int) -> ClassFull:
    rule = f"Une classe compte {MOST_PUPILS} comptes élèves au plus"
    if left < 1:
        return ClassFull(f"{rule}, et celle-ci les a tous : supprimez d'abord celui d'un élève parti.")
    return ClassFull(f"{rule} : il en reste {left} à créer, et vous en demandez {wanted}. Aucun n'a été créé.")


def _nobody(number: int) -> NoSuchPupil:
    return NoSuchPupil(
        f"Le compte élève n° {number} n'existe pas, ou plus, dans cette classe : relisez la liste, puis recommencez."
    )
