"""Pupils whose licence has long ended are erased, the school is given a certificate, and the teacher is told before.

Done by a worker every day. Two workers at the same moment each take classes that the other does not hold; whatever is
interrupted is gone on with the next day, and nobody is told of what was not committed.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django_tenants.utils import get_public_schema_name, schema_context

from licensing.classes.models import Classroom, DeletionCertificate, PupilAccount
from licensing.subscriptions.queries import today
from mailing.operations import Outgoing, enqueue_many
from schools.models import Affiliation
from web.numbering import next_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from accounts.models import User

ERASED = "classes.erased"
WARNED = "classes.warned"

#: How long before, the teacher is told.
WARNED_BEFORE = datetime.timedelta(days=30)
#: Classes a transaction: some thousands of pupils, whose locks are held for no longer than their rows take.
AT_ONCE = 200

# What stands for nobody any more is found out by deleting, not by a count that another transaction outdates.
_ERASE = """
WITH tickets AS (
    DELETE FROM classes_entryticket AS ticket USING classes_pupilaccount AS pupil
    WHERE ticket.pupil_id = pupil.id AND pupil.classroom_id = ANY(%(classes)s)
), erased AS (
    DELETE FROM classes_pupilaccount WHERE classroom_id = ANY(%(classes)s) RETURNING classroom_id, created_at
)
SELECT classroom_id, count(*), min(created_at) FROM erased GROUP BY classroom_id
"""


class _Gone(NamedTuple):
    pupils: int
    created_first: datetime.datetime


def kept() -> datetime.timedelta:
    """Return how long pupils are kept after the last day of their licence."""
    return datetime.timedelta(days=settings.PUPILS_KEPT_DAYS)


def erased_on(last_day: datetime.date) -> datetime.date:
    """Return the day on which the pupils of a licence are erased: the first on which `kept` has passed."""
    return last_day + kept() + datetime.timedelta(days=1)


def warn(*, at: datetime.datetime) -> int:
    """Tell teachers whose pupils will be erased within a month, once; return of how many classes."""
    return _until_none_is_left(warn_some, at)


def erase(*, at: datetime.datetime) -> int:
    """Erase the pupils whose time has come; return of how many classes."""
    return _until_none_is_left(erase_some, at)


@transaction.atomic
def warn_some(*, at: datetime.datetime) -> int:
    """Tell some of those whose pupils will be erased, and return how many classes were looked at.

    The teacher; where nobody holds the licence, the principal whose it is.
    """
    day = today(at)
    classes = list(
        Classroom.objects.filter(
            Exists(PupilAccount.objects.filter(classroom=OuterRef("pk"))),
            purged_at__isnull=True,
            warned_at__isnull=True,
            seat__subscription__key__source__last_day__gte=day - kept(),
            seat__subscription__key__source__last_day__lt=min(day, day - kept() + WARNED_BEFORE),
        )
        .select_related("seat__holder", "seat__subscription__principal")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .order_by("seat__subscription__school", "pk")[:AT_ONCE]
    )
    Classroom.objects.filter(pk__in=[classroom.pk for classroom in classes]).update(warned_at=at)
    concerned: dict[User, list[int]] = defaultdict(list)
    for classroom in classes:
        concerned[classroom.seat.holder or classroom.seat.subscription.principal].append(classroom.pk)
    _tell(WARNED, "classrooms", concerned, at)
    return len(classes)


@transaction.atomic
def erase_some(*, at: datetime.datetime) -> int:
    """Erase the pupils of some classes, certify it and tell those concerned; return how many classes that was."""
    classes = {
        classroom.pk: classroom
        for classroom in Classroom.objects.filter(
            purged_at__isnull=True, seat__subscription__key__source__last_day__lt=today(at) - kept()
        )
        .select_related("seat__holder", "seat__subscription__principal", "seat__subscription__key__source")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        # By school, so that a principal is written to once of all his classes.
        .order_by("seat__subscription__school", "pk")[:AT_ONCE]
    }
    gone = _erase(list(classes))
    Classroom.objects.filter(pk__in=classes).update(purged_at=at)
    # A class without pupils had nothing to certify.
    certificates = _certify({classes[number]: what for number, what in gone.items()}, at)
    _tell(ERASED, "certificates", _concerned(certificates), at)
    return len(classes)


def _until_none_is_left(some: Callable[..., int], at: datetime.datetime) -> int:
    total = 0
    while done := some(at=at):
        total += done
    return total


def _erase(classes: Collection[int]) -> dict[int, _Gone]:
    with connection.cursor() as cursor:
        cursor.execute(_ERASE, {"classes": list(classes)})
        return {number: _Gone(pupils, first) for number, pupils, first in cursor.fetchall()}


def _certify(gone: Mapping[Classroom, _Gone], at: datetime.datetime) -> list[DeletionCertificate]:
    numbers = next_numbers(DeletionCertificate._meta.db_table, len(gone))  # noqa: SLF001 - documented
    year = timezone.localtime(at).year
    return DeletionCertificate.objects.bulk_create(
        DeletionCertificate(
            pk=number,
            number=f"EFF-{year}-{number:06d}",
            classroom=classroom,
            pupils=what.pupils,
            created_first=what.created_first,
            licence_ended_on=classroom.seat.subscription.key.source.last_day,
            erased_at=at,
            teacher=classroom.seat.holder,
            school_id=classroom.seat.subscription.school_id,
        )
        for number, (classroom, what) in zip(numbers, gone.items(), strict=True)
    )


def _concerned(certificates: Collection[DeletionCertificate]) -> dict[User, list[int]]:
    """Return whom each certificate is for: the teacher, the principal whose subscription it was, the school's heads."""
    heads: dict[str, list[User]] = defaultdict(list)
    for affiliation in Affiliation.objects.filter(
        school__in={one.school_id for one in certificates if one.school_id}, verified_at__isnull=False
    ).select_related("user"):
        heads[str(affiliation.school_id)].append(affiliation.user)
    concerned: dict[User, list[int]] = defaultdict(list)
    for one in certificates:
        people = chain(
            [one.teacher] if one.teacher else [],
            [one.classroom.seat.subscription.principal],
            heads[one.school_id] if one.school_id else [],
        )
        for person in dict.fromkeys(people):
            concerned[person].append(one.pk)
    return concerned


def _tell(kind: str, what: str, concerned: Mapping[User, list[int]], at: datetime.datetime) -> None:
    with schema_context(get_public_schema_name()):
        enqueue_many(
            [
                Outgoing(kind=kind, recipient=person.email, context={"user": person.pk, what: numbers})
                for person, numbers in concerned.items()
                # An account that was closed or deleted is nobody's to read.
                if person.is_active and person.email
            ],
            at=at,
        )
