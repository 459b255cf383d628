"""Tell the teachers of a class that somebody tries its pupils' passwords, and note that they have read it."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from licensing.classes import notifications
from licensing.classes.models import Classroom
from licensing.classes.operations.locks import lock_taught_class
from licensing.classes.queries import get_second_teacher

_DAY = datetime.timedelta(days=1)


@transaction.atomic
def note_tries(*, code: str, at: datetime.datetime) -> int:
    """Note on the classes with logins of this code that many passwords were tried, e-mail their teachers.

    Those whom the class of the code handed to a colleague keep their logins. Returns how many e-mails; a class is told
    at most once a day, and nothing where no class has the code, or where its pupils are erased. Idempotent.
    """
    concerned = Classroom.objects.filter(Q(code=code) | Q(pupils__code=code), purged_at__isnull=True)
    count = 0
    for classroom in Classroom.objects.locked().filter(pk__in=concerned.values("pk")):
        if classroom.tried_at is not None and at - classroom.tried_at < _DAY:
            continue
        classroom.tried_at = at
        classroom.save(update_fields=["tried_at"])
        teachers = [
            one for one in (classroom.seat.holder, get_second_teacher(classroom)) if one is not None and one.email
        ]
        for teacher in teachers:
            notifications.notify_teacher_of_tries(classroom, teacher, at)
        count += len(teachers)
    return count


@transaction.atomic
def mark_tries_read(*, classroom_id: int, by: User, at: datetime.datetime) -> None:
    """Note that a teacher of the class has read the notice. Raises `ClassNotTaught`."""
    classroom = lock_taught_class(classroom_id, by)
    classroom.tries_read_at = at
    classroom.save(update_fields=["tries_read_at"])
