"""What classes say of a teacher: handed to him when he asks for it, and let go when he leaves.

Pupils are nobody's personal data here: numbers, words and hashes; neither their logins nor their passwords are told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Q

from licensing.classes import notices
from licensing.classes.models import ClassInvitation, Classroom, DeletionCertificate, EntryTicket, PupilAccount
from licensing.classes.queries import taught_by

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from accounts.models import User


def shared(user: User) -> list[Classroom]:
    """Return the classes that the person shares, as the one who holds the licence or as the second. One query."""
    return list(
        Classroom.objects.filter(taught_by(user), second_teacher__isnull=False, second_let_in_by=F("seat__holder"))
        .select_related("seat__holder", "second_teacher")
        .order_by("pk")
    )


def leave_all(user: User, *, was_shared: Sequence[Classroom], at: datetime.datetime) -> None:
    """End the places of second teacher that the person has, or gave while he held the class; tell the other one.

    `was_shared`: the classes he shared before his licences were released. Invitations to and by him are withdrawn, his
    tickets spent. Class and pupils stay with the seat.
    """
    ending = Classroom.objects.filter(Q(second_teacher=user) | Q(second_let_in_by=user)).locked()
    Classroom.objects.filter(pk__in=[room.pk for room in ending]).update(second_teacher=None, second_let_in_by=None)
    ClassInvitation.objects.filter(Q(teacher=user) | Q(by=user)).delete()
    EntryTicket.objects.filter(user=user).delete()
    for room in was_shared:
        holder, second = room.seat.holder, room.second_teacher
        if second == user and holder is not None:
            notices.tell_left(room, holder, user, at)
        elif second is not None:
            notices.tell_put_out(room, second, at)


def gathered(user: User) -> dict[str, Any]:
    """Return the classes the person teaches, counted and without the pupils. Four queries."""
    taught = Classroom.objects.filter(taught_by(user)).select_related("seat").order_by("opened_at", "pk")
    pupils = dict(
        PupilAccount.objects.filter(classroom__in=taught).values_list("classroom").annotate(Count("pk")).order_by()
    )
    return {
        "classes": [
            {
                "nom": room.name,
                "ouverte le": room.opened_at,
                "rôle": "titulaire" if room.seat.holder_id == user.pk else "second enseignant",
                "comptes élèves": pupils.get(room.pk, 0),
                "élèves effacés le": room.purged_at,
            }
            for room in taught
        ],
        "invitations à partager une classe": [
            {"classe": one.classroom.name, "reçue le": one.made_at}
            for one in ClassInvitation.objects.filter(teacher=user).select_related("classroom").order_by("pk")
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
