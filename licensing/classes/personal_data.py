"""Personal data of teachers in classes: exported on request, removed when the account is closed.

Pupils' accounts contain no personal data; their logins and passwords are not exported.
"""

import datetime
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, F, Q

from accounts.models import User
from core.formatting import format_school_year
from licensing.classes import emails, handovers
from licensing.classes.models import (
    ClassInvitation,
    Classroom,
    DeletionCertificate,
    EntryTicket,
    PupilAccount,
    PupilHandover,
    YearLetter,
)
from licensing.classes.queries import taught_by


def list_shared_classes(user: User) -> list[Classroom]:
    """Return the classes that the user shares, as holder or as second teacher. One query."""
    return list(
        Classroom.objects.filter(taught_by(user), second_teacher__isnull=False, second_invited_by=F("seat__holder"))
        .select_related("seat__holder", "second_teacher")
        .order_by("pk")
    )


def leave_all(user: User, *, was_shared: Sequence[Classroom], at: datetime.datetime) -> None:
    """End all sharing that the user takes part in or granted, and notify the other teachers.

    `was_shared`: the classes shared before the user's licences were released. Deletes invitations to and by the user,
    and their tickets. Class and pupils stay with the seat.
    """
    shared_classrooms = Classroom.objects.filter(Q(second_teacher=user) | Q(second_invited_by=user)).locked()
    Classroom.objects.filter(pk__in=[classroom.pk for classroom in shared_classrooms]).update(
        second_teacher=None, second_invited_by=None
    )
    ClassInvitation.objects.filter(Q(teacher=user) | Q(by=user)).delete()
    EntryTicket.objects.filter(user=user).delete()
    handovers.end_handovers_of(user, at=at)
    for classroom in was_shared:
        holder, second = classroom.seat.holder, classroom.second_teacher
        if second == user and holder is not None:
            emails.notify(emails.LEFT, holder, at, classroom=classroom.pk, second=user.pk)
        elif second is not None:
            emails.notify(emails.TEACHER_REMOVED, second, at, classroom=classroom.pk)


def export_personal_data(user: User) -> dict[str, Any]:
    """Return the classes that the user teaches, with pupils counted only, under French keys. Six queries."""
    taught = Classroom.objects.filter(taught_by(user)).select_related("seat").order_by("opened_at", "pk")
    pupils = dict(
        PupilAccount.objects.filter(classroom__in=taught).values_list("classroom").annotate(Count("pk")).order_by()
    )
    return {
        "classes": [
            {
                "nom": classroom.name,
                "ouverte le": classroom.opened_at,
                "emmenée le": classroom.carried_at,
                "rôle": "titulaire" if classroom.seat.holder_id == user.pk else "second enseignant",
                "comptes élèves": pupils.get(classroom.pk, 0),
                "élèves effacés le": classroom.purged_at,
            }
            for classroom in taught
        ],
        "invitations à partager une classe": [
            {"classe": one.classroom.name, "reçue le": one.created_at}
            for one in ClassInvitation.objects.filter(teacher=user).select_related("classroom").order_by("pk")
        ],
        "élèves confiés": [
            {
                "classe": one.classroom.name,
                "rôle": "confiés à un collègue" if one.by_id == user.pk else "reçus d'un collègue",
                "le": one.created_at,
                "valable jusqu'au": one.expires_at,
                "issue": one.get_outcome_display() if one.outcome else "en attente",
                "terminée le": one.ended_at,
                "élèves reçus": one.received,
            }
            for one in PupilHandover.objects.filter(Q(by=user) | Q(received_by=user))
            .select_related("classroom")
            .order_by("pk")
        ],
        "lettres de rentrée": [
            {"année scolaire": format_school_year(one.school_year), "écrite le": one.created_at}
            for one in YearLetter.objects.filter(user=user).order_by("school_year")
        ],
        "certificats d'effacement": [
            {
                "numéro": one.number,
                "comptes effacés": one.pupils,
                "effacés le": one.erased_at,
            }
            for one in DeletionCertificate.objects.filter(teacher=user).order_by("pk")
        ],
    }
