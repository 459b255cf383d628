"""Create and delete pupils' accounts, reset their passwords.

A password is returned once, by the operation that generated it; only its hash is stored. Hashing is slow, and is done
before anything is locked.
"""

import datetime
from collections.abc import Collection
from typing import NamedTuple

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts import known_origins
from accounts.models import User
from core.formatting import pluralize
from licensing.classes import passwords, words
from licensing.classes.exceptions import ClassFull, InvalidPupilCount
from licensing.classes.handovers import end_without_pupils
from licensing.classes.models import MAX_PUPILS, Classroom, PupilAccount
from licensing.classes.operations import check_licence_running, check_pupils, get_device_owner, lock_taught_class
from licensing.classes.queries import get_taught_class


class Credential(NamedTuple):
    """A pupil's credentials, for their card. The password cannot be read again."""

    number: int
    login: str
    password: str


class _GeneratedPassword(NamedTuple):
    password: str
    stored: str


@sensitive_variables()
def add_pupils(*, classroom_id: int, count: int, by: User, at: datetime.datetime) -> list[Credential]:
    """Create `count` accounts under the lowest free numbers, and return their credentials.

    Raises `ClassNotTaught`, `Refusal` (`licence_not_running`), `InvalidPupilCount`, and `ClassFull`, which says how
    many are left.
    """
    classroom = get_taught_class(by, classroom_id)
    check_licence_running(classroom.seat.subscription.key.entitlement, at)
    if count < 1:
        raise InvalidPupilCount(f"Indiquez combien de comptes créer : de 1 à {MAX_PUPILS}.")
    # Checked before the slow hashing.
    if count > MAX_PUPILS:
        raise _class_full(MAX_PUPILS - classroom.pupils.count(), count)
    return _add_pupils(classroom_id=classroom_id, generated=_generate_passwords(count), by=by, at=at)


@sensitive_variables()
@transaction.atomic
def _add_pupils(
    *, classroom_id: int, generated: list[_GeneratedPassword], by: User, at: datetime.datetime
) -> list[Credential]:
    classroom = lock_taught_class(classroom_id, by)
    check_licence_running(classroom.seat.subscription.key.entitlement, at)
    taken = dict(classroom.pupils.values_list("number", "word"))
    free = [number for number in range(1, MAX_PUPILS + 1) if number not in taken]
    if len(free) < len(generated):
        raise _class_full(len(free), len(generated))
    # Of pupils who went to another class, too: their logins keep the code of this one.
    elsewhere = set(PupilAccount.objects.filter(code=classroom.code).values_list("word", flat=True))
    drawn = words.generate_pupil_words(len(generated), exclude=elsewhere | set(taken.values()))
    if len(drawn) < len(generated):
        raise ClassFull(
            f"Il ne reste que {pluralize(len(drawn), 'animal', 'animaux')} pour les identifiants de cette classe, dont "
            "beaucoup d’élèves ont rejoint une autre : ouvrez une nouvelle classe avec une autre licence."
        )
    pupils = [
        PupilAccount(
            classroom=classroom,
            number=number,
            word=word,
            code=classroom.code,
            password=new.stored,
            created_at=at,
            password_set_at=at,
        )
        for number, word, new in zip(free, drawn, generated, strict=False)
    ]
    PupilAccount.objects.bulk_create(pupils)
    return [Credential(pupil.number, pupil.login, new.password) for pupil, new in zip(pupils, generated, strict=True)]


@transaction.atomic
def remove_pupil(*, classroom_id: int, number: int, by: User, at: datetime.datetime) -> None:
    """Delete the account of that number, which becomes free. Idempotent. Raises `ClassNotTaught`."""
    classroom = lock_taught_class(classroom_id, by)
    pupil = classroom.pupils.filter(number=number).first()
    if pupil is not None:
        known_origins.forget([get_device_owner(pupil).key])
        pupil.delete()
        end_without_pupils(pupil.handover_id, at=at)


@sensitive_variables()
def reset_passwords(
    *, classroom_id: int, numbers: Collection[int] | None, by: User, at: datetime.datetime
) -> list[Credential]:
    """Reset the passwords of the pupils with those numbers, of all where None; return their credentials.

    Ends the pupils' sessions and makes their devices unknown; all passwords anew also mark the notice of tries as read.
    Raises `ClassNotTaught`, `Refusal` (`licence_not_running`), and `NoSuchPupil` where
    one of the numbers does not exist.
    """
    classroom = get_taught_class(by, classroom_id)
    check_licence_running(classroom.seat.subscription.key.entitlement, at)
    requested = None if numbers is None else set(numbers)
    if requested is not None and not requested:
        raise InvalidPupilCount("Cochez au moins un élève dont le mot de passe doit changer.")
    count = classroom.pupils.count() if requested is None else min(len(requested), MAX_PUPILS)
    return _reset_passwords(
        classroom_id=classroom_id, numbers=requested, generated=_generate_passwords(count), by=by, at=at
    )


@sensitive_variables()
@transaction.atomic
def _reset_passwords(
    *, classroom_id: int, numbers: set[int] | None, generated: list[_GeneratedPassword], by: User, at: datetime.datetime
) -> list[Credential]:
    classroom = lock_taught_class(classroom_id, by)
    check_licence_running(classroom.seat.subscription.key.entitlement, at)
    chosen = PupilAccount.objects.filter(classroom=classroom)
    if numbers is not None:
        chosen = chosen.filter(number__in=numbers)
    pupils = list(chosen.locked().order_by("number"))
    check_pupils(pupils, numbers or ())
    # For pupils added since the passwords were generated.
    generated = generated + _generate_passwords(max(0, len(pupils) - len(generated)))
    renewed = list(zip(pupils, generated, strict=False))
    for pupil, new in renewed:
        pupil.password, pupil.password_set_at = new.stored, at
    PupilAccount.objects.bulk_update(pupils, ["password", "password_set_at"])
    if numbers is None:
        Classroom.objects.filter(pk=classroom.pk).update(tries_read_at=at)
    return [Credential(pupil.number, pupil.login, new.password) for pupil, new in renewed]


@sensitive_variables()
def _generate_passwords(count: int) -> list[_GeneratedPassword]:
    new_passwords = [words.generate_password() for _ in range(count)]
    return [_GeneratedPassword(password, passwords.encode(password)) for password in new_passwords]


def _class_full(left: int, requested: int) -> ClassFull:
    rule = f"Une classe compte {MAX_PUPILS} comptes élèves au plus"
    if left < 1:
        return ClassFull(f"{rule}, et celle-ci les a tous : effacez d’abord celui d’un élève parti.")
    return ClassFull(f"{rule} : il en reste {left} à créer, et vous en demandez {requested}. Aucun n’a été créé.")
