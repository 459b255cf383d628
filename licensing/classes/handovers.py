"""Hand pupils over to a colleague of the same school, by a code that the colleague types.

Everything is locked as the end of the global order says: seats, classes, handover, pupils. Logins and passwords do not
change; numbers do where they are taken.
"""

import datetime
import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from core.exceptions import Refusal
from core.formatting import join_words, pluralize
from licensing.classes import emails, words
from licensing.classes.exceptions import (
    CannotHandOver,
    ClassFull,
    ClassNotTaught,
    HandoverEnded,
    InvalidPupilCount,
    TooManyHandoverCodes,
    UnknownHandover,
)
from licensing.classes.models import MAX_PUPILS, Classroom, HandoverOutcome, PupilAccount, PupilHandover
from licensing.classes.operations import (
    check_licence_running,
    check_pupils,
    get_class_school,
    lock_classes,
    lock_taught_class,
)
from licensing.classes.queries import NOT_TAUGHT_MESSAGE, is_taught_by, taught_by
from licensing.entitlements import code_sealing, keys
from licensing.entitlements.guesses import GuessLimit

#: Validity of a code.
VALID_DAYS = 14
# Of a code, `7K3M-Q9TX`: eight symbols of Crockford's base 32, seven random (35 bits) and the check symbol of keys. It
# is typed as forgivingly as activation keys, and stored sealed as they are; it is worth nothing outside the school.
CODE_LENGTH = 8
_CODE_GROUP = 4

_UNKNOWN = (
    "Ce code ne correspond à aucun élève confié dans votre école, ou ne vaut plus rien. Vérifiez-le avec votre "
    "collègue, qui peut en préparer un autre."
)


class ComingPupils(NamedTuple):
    """Pupils that a code brings, with the numbers that they get: `numbers` by primary key."""

    handover: PupilHandover
    classroom: Classroom
    pupils: Sequence[PupilAccount]
    numbers: Mapping[int, int]
    # How many the class has already.
    present: int

    @property
    def renumbered(self) -> int:
        """How many get another number than they had."""
        return sum(self.numbers[pupil.pk] != pupil.number for pupil in self.pupils)


@sensitive_variables("code")
@transaction.atomic
def prepare_handover(*, classroom_id: int, numbers: Collection[int], by: User, at: datetime.datetime) -> PupilHandover:
    """Make a code by which a colleague may receive the pupils of those numbers, for two weeks.

    Raises `ClassNotTaught`, `InvalidPupilCount`, `NoSuchPupil`, and `CannotHandOver` where a pupil is handed over
    already, or where no colleague could be of the school.
    """
    classroom = lock_taught_class(classroom_id, by)
    if not numbers:
        raise InvalidPupilCount("Cochez au moins un élève à confier.")
    if not get_class_school(classroom.seat.subscription, by).is_shared:
        raise CannotHandOver(
            "Des élèves se confient à un collègue de la même école : choisissez d’abord la vôtre dans « Mon compte », "
            "sous « Mon école »."
        )
    _end(PupilHandover.objects.filter(classroom=classroom, expires_at__lte=at), HandoverOutcome.EXPIRED, at)
    pupils = list(classroom.pupils.filter(number__in=set(numbers)).locked())
    check_pupils(pupils, numbers)
    if waiting := [pupil.number for pupil in pupils if pupil.handover_id is not None]:
        raise CannotHandOver(
            f"Le compte élève n° {min(waiting)} est déjà confié par un code : reprenez d’abord celui-ci. Rien n’a été "
            "préparé."
        )
    code, under = code_sealing.seal(_generate_unused_code())
    handover = PupilHandover.objects.create(
        classroom=classroom,
        by=by,
        sealed_code=code,
        sealed_under=under,
        created_at=at,
        expires_at=at + datetime.timedelta(days=VALID_DAYS),
    )
    classroom.pupils.filter(pk__in=[pupil.pk for pupil in pupils]).update(handover=handover)
    return handover


@transaction.atomic
def withdraw_handover(*, classroom_id: int, handover_id: int, by: User, at: datetime.datetime) -> None:
    """End a pending handover: its code is worth nothing any more. Idempotent.

    Raises `ClassNotTaught`, and `HandoverEnded` where a colleague has received the pupils.
    """
    classroom = lock_taught_class(classroom_id, by)
    handover = PupilHandover.objects.locked().filter(pk=handover_id, classroom=classroom).first()
    if handover is None:
        raise ClassNotTaught(NOT_TAUGHT_MESSAGE)
    if handover.outcome == HandoverOutcome.ACCEPTED:
        raise HandoverEnded(
            f"Il est trop tard : {handover.received_by} a déjà reçu ces élèves. Demandez-lui de vous les confier à son "
            "tour."
        )
    _end(PupilHandover.objects.filter(pk=handover.pk), HandoverOutcome.WITHDRAWN, at)


@sensitive_variables("symbols")
@transaction.atomic
def receive_pupils(*, symbols: str, classroom_id: int, by: User, at: datetime.datetime) -> ComingPupils:
    """Move the pupils of a code to a class of `by`, and tell the giver.

    All or nothing. Raises `ClassNotTaught`, `ClassFull`, `HandoverEnded`, and `UnknownHandover`, also for the code of
    another school; refuses a licence that does not run (`licence_not_running`), pupils whom a number alone would tell
    from others (`same_words`), and a class that has just gone to another seat (`class_on_another_seat`).
    """
    given_in = _find(symbols).classroom_id
    # The class that is left first, the class that they come to last: it is one where they are the same.
    former, classroom = (classes := lock_classes([given_in, classroom_id]))[0], classes[-1]
    if not is_taught_by(classroom, by):
        raise ClassNotTaught(NOT_TAUGHT_MESSAGE)
    handover = PupilHandover.objects.locked().filter(_has_code(symbols), classroom=former).first()
    if handover is None:
        # Another teacher was first, or the giver took it back.
        raise HandoverEnded("Ce code vient de servir, ou d’être repris : rien n’a été changé.")
    handover.classroom = former
    coming = _check(handover, classroom, by, at)
    for pupil in coming.pupils:
        pupil.number, pupil.classroom = coming.numbers[pupil.pk], classroom
        pupil.moved_at, pupil.handover = at, None
    PupilAccount.objects.bulk_update(coming.pupils, ["number", "classroom", "moved_at", "handover"])
    PupilHandover.objects.filter(pk=handover.pk).update(
        ended_at=at,
        outcome=HandoverOutcome.ACCEPTED,
        sealed_code=None,
        sealed_under=None,
        received_in=classroom,
        received_by=by,
        received=len(coming.pupils),
    )
    emails.notify(emails.PUPILS_RECEIVED, handover.by, at, handover=handover.pk)
    return coming


@transaction.atomic
def expire_handovers(*, at: datetime.datetime) -> int:
    """End the handovers whose two weeks have passed, and those of pupils that are erased; return how many."""
    over = PupilHandover.objects.filter(
        Q(expires_at__lte=at) | Q(classroom__purged_at__isnull=False), ended_at__isnull=True
    )
    # Those that somebody is receiving now are skipped until the next run.
    rows = over.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by("pk").values_list("pk")
    return _end(PupilHandover.objects.filter(pk__in=[pk for (pk,) in rows]), HandoverOutcome.EXPIRED, at)


def end_handovers_of(user: User, *, at: datetime.datetime) -> None:
    """End what an account that is being closed has handed over; in the caller's transaction."""
    _end(PupilHandover.objects.filter(by=user), HandoverOutcome.WITHDRAWN, at)


def end_without_pupils(handover_id: int | None, *, at: datetime.datetime) -> None:
    """End the handover of a pupil who was removed, if it has no other; in the caller's transaction."""
    _end(PupilHandover.objects.filter(pk__in=[handover_id], pupils__isnull=True), HandoverOutcome.WITHDRAWN, at)


@sensitive_variables("symbols")
def _find(symbols: str) -> PupilHandover:
    handover = (
        PupilHandover.objects.filter(_has_code(symbols))
        .select_related("by", "classroom__seat__subscription__key__entitlement")
        .first()
    )
    if handover is None:
        raise UnknownHandover(_UNKNOWN)
    return handover


@sensitive_variables("symbols")
def _has_code(symbols: str) -> Q:
    return Q(sealed_code__in=code_sealing.seal_under_all_keys(symbols))


@sensitive_variables("code")
def _generate_unused_code() -> str:
    while True:
        code = generate_code()
        if not PupilHandover.objects.filter(_has_code(code)).exists():
            return code


def _check(handover: PupilHandover, classroom: Classroom, by: User, at: datetime.datetime) -> ComingPupils:
    """Return the pupils that come to a class of `by`, with their numbers there; raise what refuses it."""
    former = handover.classroom
    given_at = get_class_school(former.seat.subscription, handover.by)
    is_given = former.purged_at is None and is_taught_by(former, handover.by)
    # In this order: whoever is of another school learns nothing.
    if not is_given or given_at != get_class_school(classroom.seat.subscription, by):
        raise UnknownHandover(_UNKNOWN)
    if handover.expires_at <= at:
        raise HandoverEnded("Ce code a plus de deux semaines : demandez à votre collègue d’en préparer un autre.")
    if former == classroom:
        raise HandoverEnded("Ces élèves sont déjà dans cette classe : le code est à donner à votre collègue.")
    check_licence_running(classroom.seat.subscription.key.entitlement, at)
    pupils = list(handover.pupils.order_by("number"))
    if not pupils:
        raise HandoverEnded("Les comptes de ces élèves ont été effacés : ce code ne vaut plus rien.")
    present = list(classroom.pupils.order_by("number"))
    _check_room(len(present), len(pupils))
    _check_words(present, pupils)
    return ComingPupils(handover, classroom, pupils, _assign_numbers(present, pupils), len(present))


def _check_room(present: int, coming: int) -> None:
    left = MAX_PUPILS - present
    if coming <= left:
        return
    room = f"il y reste {pluralize(left, 'place')}" if left else "elle est complète"
    raise ClassFull(
        f"Une classe compte {MAX_PUPILS} comptes élèves au plus : {room}, et {pluralize(coming, 'élève')} "
        f"{'est confié' if coming == 1 else 'sont confiés'}. Aucun n’est venu."
    )


def _check_words(present: Sequence[PupilAccount], coming: Sequence[PupilAccount]) -> None:
    """Raise `Refusal` where animal and flower are those of somebody present: only a number would differ."""
    by_words: dict[tuple[str, str], list[PupilAccount]] = defaultdict(list)
    for pupil in (*present, *coming):
        by_words[pupil.word, pupil.code.partition("-")[0]].append(pupil)
    alike = [words.spell(pupil.login) for same in by_words.values() if len(same) > 1 for pupil in same]
    if alike:
        raise Refusal(
            "same_words",
            f"Deux élèves auraient le même animal et le même mot : {join_words(alike)}. Aucun n’est venu. Votre "
            "collègue peut préparer un code sans celui-là, à qui vous créerez un nouveau compte.",
        )


def _assign_numbers(present: Sequence[PupilAccount], coming: Sequence[PupilAccount]) -> dict[int, int]:
    """Return the number of each who comes: their own where it is free, else the lowest that is."""
    taken = {pupil.number for pupil in present}
    numbers = {pupil.pk: pupil.number for pupil in coming if pupil.number not in taken}
    free = (number for number in range(1, MAX_PUPILS + 1) if number not in taken | set(numbers.values()))
    return {pupil.pk: numbers.get(pupil.pk) or next(free) for pupil in coming}


def _end(handovers: QuerySet[PupilHandover], outcome: HandoverOutcome, at: datetime.datetime) -> int:
    """End those that are pending, and return how many; their pupils stay where they are."""
    pending = list(handovers.filter(ended_at__isnull=True).values_list("pk", flat=True))
    PupilAccount.objects.filter(handover__in=pending).update(handover=None)
    return PupilHandover.objects.filter(pk__in=pending).update(
        ended_at=at, outcome=outcome, sealed_code=None, sealed_under=None
    )


# A colleague types the code of pupils that are handed over: a look before, then the act; guesses are counted.
#
# Only well-formed codes count, and those of another school as those that nobody has.

_GUESSES = GuessLimit(
    scope="handover",
    failure=UnknownHandover,
    refusal=TooManyHandoverCodes,
    sentence="Trop de codes inexistants ont été saisis : patientez {}, puis recopiez le code depuis la feuille de "
    "votre collègue.",
)


@sensitive_variables("code", "symbols")
def look_up(*, code: str, classroom_id: int, by: User, address: str, at: datetime.datetime) -> ComingPupils:
    """Return what a code would bring to a class of `by`, and change nothing. Raises as `receive` does."""
    symbols = parse_code(code)
    with _GUESSES.count(by, address, at):
        handover = _find(symbols)
        classroom = (
            Classroom.objects.filter(taught_by(by), pk=classroom_id)
            .select_related("seat__subscription__key__entitlement")
            .first()
        )
        if classroom is None:
            raise ClassNotTaught(NOT_TAUGHT_MESSAGE)
        return _check(handover, classroom, by, at)


@sensitive_variables("code", "symbols")
def receive(*, code: str, classroom_id: int, by: User, address: str, at: datetime.datetime) -> ComingPupils:
    """Receive the pupils in a class of `by`.

    Refuses a code that is none (`typo`) before any count or look-up. After it, raises `TooManyHandoverCodes`, and what
    `receive_pupils` raises.
    """
    symbols = parse_code(code)
    with _GUESSES.count(by, address, at):
        return receive_pupils(symbols=symbols, classroom_id=classroom_id, by=by, at=at)


@sensitive_variables()
def generate_code() -> str:
    """Return a new code of eight symbols."""
    data = "".join(secrets.choice(keys.ALPHABET) for _ in range(CODE_LENGTH - 1))
    return data + keys.compute_check_symbol(data)


@sensitive_variables()
def display_code(symbols: str) -> str:
    """Return the code as it is shown and printed: `7K3M-Q9TX`."""
    return f"{symbols[:_CODE_GROUP]}-{symbols[_CODE_GROUP:]}"


@sensitive_variables()
def parse_code(text: str) -> str:
    """Parse typed text into eight symbols. Raises `Refusal`, before anything is looked up."""
    symbols = "".join(keys.split_groups(text))
    if not symbols:
        raise Refusal("typo", "Saisissez le code que votre collègue vous a donné.")
    if len(symbols) != CODE_LENGTH:
        raise Refusal(
            "typo",
            f"Un code compte {CODE_LENGTH} caractères, en deux groupes de quatre ; vous en avez saisi {len(symbols)}. "
            "Recopiez-le depuis la feuille de votre collègue.",
        )
    code, strange = keys.fold_symbols(symbols)
    if strange:
        raise Refusal("typo", f"Le caractère « {strange} » n’apparaît dans aucun code : relisez la feuille.")
    if keys.compute_check_symbol(code[:-1]) != code[-1]:
        raise Refusal("typo", "Ce code comporte une faute de frappe : relisez la feuille, groupe par groupe.")
    return code


@sensitive_variables()
def unseal_code(handover: PupilHandover) -> str:
    """Return the code of a pending handover as it is shown; empty once it has ended."""
    if handover.sealed_code is None or handover.sealed_under is None:
        return ""
    return display_code(code_sealing.unseal(handover.sealed_code, handover.sealed_under))


@transaction.atomic
def reseal_codes(*, size: int) -> int:
    """Reseal up to `size` pending codes under the current key and return how many; 0 when none is left.

    Run by `manage.py reseal_keys`. Raises `UnsealableCode`, having changed nothing, where a sealing key is missing.
    """
    pending = PupilHandover.objects.filter(ended_at__isnull=True)
    rows = list(pending.exclude(sealed_under=code_sealing.current_key_number()).locked()[:size])
    for row in rows:
        if row.sealed_code is not None and row.sealed_under is not None:
            row.sealed_code, row.sealed_under = code_sealing.seal(
                code_sealing.unseal(row.sealed_code, row.sealed_under)
            )
    PupilHandover.objects.bulk_update(rows, ["sealed_code", "sealed_under"])
    return len(rows)
