"""Notifications about a shared class, its pupils and tries at its passwords, queued in the causing transaction.

A message stores primary keys only: its texts are rendered when it is sent.
"""

from __future__ import annotations

import datetime

from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import User
from licensing.classes.models import ClassInvitation, Classroom, PupilHandover
from mailing.operations import enqueue

INVITED = "class.invited"
ACCEPTED = "class.accepted"
TEACHER_REMOVED = "class.teacher_removed"
LEFT = "class.left"
TRIED = "class.passwords_tried"
PUPILS_RECEIVED = "class.pupils_received"


def notify_invited_teacher(invitation: ClassInvitation) -> None:
    """Notify a teacher that a colleague invites them to share a class."""
    _queue(INVITED, invitation.teacher, invitation.created_at, classroom=invitation.classroom_id, by=invitation.by_id)


def notify_holder_of_acceptance(classroom: Classroom, holder: User, at: datetime.datetime) -> None:
    """Notify the holder of the licence that the colleague accepted."""
    _queue(ACCEPTED, holder, at, classroom=classroom.pk, second=classroom.second_teacher_id)


def notify_removed_teacher(classroom: Classroom, second: User, at: datetime.datetime) -> None:
    """Notify the second teacher that the class is no longer shared with them."""
    _queue(TEACHER_REMOVED, second, at, classroom=classroom.pk)


def notify_holder_of_departure(classroom: Classroom, holder: User, second: User, at: datetime.datetime) -> None:
    """Notify the holder of the licence that the second teacher left."""
    _queue(LEFT, holder, at, classroom=classroom.pk, second=second.pk)


def notify_teacher_of_tries(classroom: Classroom, teacher: User, at: datetime.datetime) -> None:
    """Notify a teacher of the class that somebody tries its pupils' passwords."""
    _queue(TRIED, teacher, at, classroom=classroom.pk)


def notify_giver_of_pupils(handover: PupilHandover, at: datetime.datetime) -> None:
    """Notify the teacher who handed pupils over that a colleague received them."""
    _queue(PUPILS_RECEIVED, handover.by, at, handover=handover.pk)


def _queue(kind: str, person: User, at: datetime.datetime, **context: int | None) -> None:
    with schema_context(get_public_schema_name()):
        enqueue(kind=kind, recipient=person.email, at=at, context={"user": person.pk, **context})
