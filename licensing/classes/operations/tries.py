"""Tell the teachers of a class that somebody tries its pupils' passwords, and note that they have read it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from licensing.classes import notifications
from licensing.classes.models import Classroom
from licensing.classes.operations.locks import lock_taught_class
from licensing.classes.queries import get_second_teacher

if TYPE_CHECKING:
    from accounts.models import User

_DAY = datetime.timedelta(days=1)


@transaction.atomic
def note_tries(*, code: str, at: datetime.datetime) -> int:
    """Note on the class of this code that many passwords were tried, e-mail its teachers; return how many e-mails.

    At most once a day; nothing where no class has the code, or where its pupils are erased. Idempotent.
    """
    classroom = Classroom.objects.locked().filter(code=code, purged_at__isnull=True).first()
    if classroom is None or (classroom.tried_at is not None and at - classroom.tried_at < _DAY):
        return 0
    classroom.tried_at = at
    classroom.save(update_fields=["tried_at"])
    teachers = [one for one in (classroom.seat.holder, get_second_teacher(classroom)) if one is not None and one.email]
    for teacher in teachers:
        notifications.notify_teacher_of_tries(classroom, teacher, at)
    return len(teachers)


@transaction.atomic
def mark_tries_read(*, classroom_id: int, by: User, at: datetime.datetime) -> None:
    """Note that a teacher of the class has read the notice. Raises `ClassNotTaught`."""
    classroom = lock_taught_class(classroom_id, by)
    classroom.tries_read_at = at
    classroom.save(update_fields=["tries_read_at"])
