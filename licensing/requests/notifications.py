"""Queue the e-mails about requests, and what an office must learn. A message holds numbers only."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django_tenants.utils import get_public_schema_name, schema_context

from collectivities.letters import list_recipients
from collectivities.models import Letter, Role
from core.connections import connection
from jobs.tasks import defer, defer_once
from licensing.requests import queries
from licensing.requests.models import LicenceRequest, TeacherRequest
from mailing.models import Message
from mailing.operations import NewMessage, enqueue, enqueue_many
from schools.queries import list_verified_principals
from tenants.models import Collectivity

#: To the managers of an office: schools wait for their answer.
OFFICE_WAITING = "requests.waiting"
#: To the principals of a school: teachers wait for their answer.
SCHOOL_WAITING = "teacher_requests.waiting"
ACCEPTED = "request.accepted"
REFUSED = "request.refused"
TEACHER_REFUSED = "teacher_request.refused"
#: Topic of the letters to the principal who asked.
TOPIC = "licence_request"
#: Topic of the letters to the teacher who asked.
TEACHER_TOPIC = "teacher_request"
#: Topics of the letters that tell of waiting requests; that of a school's is followed by its UAI.
OFFICE_TOPIC = "requests_waiting"
SCHOOL_TOPIC = "teacher_requests:"
#: Between two letters that tell of waiting requests.
OFFICE_PAUSE = datetime.timedelta(days=1)
SCHOOL_PAUSE = datetime.timedelta(days=7)


def tell_office(request: LicenceRequest, event: str, at: datetime.datetime) -> None:
    """Queue what tells the collectivity, in its schema, that a request was made or withdrawn."""
    defer(
        "requests.note_request",
        schema=request.collectivity.schema_name,
        lock=f"licence_request:{request.pk}",
        request_id=request.pk,
        event=event,
        happened_at=at.isoformat(),
    )


def queue_office_letter(at: datetime.datetime) -> None:
    """Queue the letter that tells the current office's managers of waiting requests, a day after the last one."""
    last = _find_last_letter(OFFICE_TOPIC)
    due = max(at, last + OFFICE_PAUSE) if last is not None else at
    schema = connection.schema_name
    defer_once("requests.write_to_managers", schema=schema, queueing_lock=f"requests_letter:{schema}", at=due)


def write_to_managers(at: datetime.datetime) -> int:
    """Write to the current office's managers that requests wait, unless none does; return how many letters.

    Not to those who do not want it, and not within a day of the last.
    """
    collectivity = Collectivity.objects.get(schema_name=connection.schema_name)
    if not queries.count_waiting(collectivity)[0]:
        return 0
    last = _find_last_letter(OFFICE_TOPIC)
    if last is not None and last > at - OFFICE_PAUSE:
        return 0
    letters = [
        NewMessage(
            OFFICE_WAITING,
            one.user.email,
            topic=OFFICE_TOPIC,
            topic_id=one.user_id,
            context={"user": one.user_id, "member": one.pk},
        )
        for one in list_recipients(Letter.REQUESTS, Role.MANAGER)
    ]
    return enqueue_many(letters, at=at)


def queue_school_letter(request: TeacherRequest, at: datetime.datetime) -> None:
    """Queue the letter that tells a school's principals of waiting teachers, a week after the last one."""
    with schema_context(get_public_schema_name()):
        last = _find_last_letter(f"{SCHOOL_TOPIC}{request.school_id}")
    due = max(at, last + SCHOOL_PAUSE) if last is not None else at
    defer_once(
        "requests.write_to_principals",
        schema=get_public_schema_name(),
        queueing_lock=f"teacher_requests_letter:{request.school_id}",
        at=due,
        uai=request.school_id,
    )


def write_to_principals(uai: str, at: datetime.datetime) -> int:
    """Write to a school's verified principals that teachers wait, unless none does; return how many letters."""
    if not queries.list_teacher_requests(uai).exists():
        return 0
    last = _find_last_letter(f"{SCHOOL_TOPIC}{uai}")
    if last is not None and last > at - SCHOOL_PAUSE:
        return 0
    principals = [one.user for one in list_verified_principals(uai)]
    muted = queries.find_muted(principals)
    letters = [
        NewMessage(
            SCHOOL_WAITING,
            one.email,
            topic=f"{SCHOOL_TOPIC}{uai}",
            topic_id=one.pk,
            context={"user": one.pk, "school": uai},
        )
        for one in principals
        if one.pk not in muted and one.email
    ]
    return enqueue_many(letters, at=at)


def _find_last_letter(topic: str) -> datetime.datetime | None:
    """Return when the last letter of a topic was written, in the outbox of the current schema."""
    return Message.objects.filter(topic=topic).order_by("-created_at").values_list("created_at", flat=True).first()


def notify_principals(requests: Sequence[LicenceRequest], kind: str, at: datetime.datetime) -> None:
    """Write to those who asked what the collectivity answered, if their accounts are open."""
    letters = [
        NewMessage(kind, one.asked_by.email, topic=TOPIC, topic_id=one.pk, context={"user": one.asked_by_id})
        for one in requests
        if one.asked_by.is_active and one.asked_by.email
    ]
    with schema_context(get_public_schema_name()):
        enqueue_many(letters, at=at)


def notify_refused_teacher(request: TeacherRequest, at: datetime.datetime) -> None:
    """Write to the teacher that their request was refused. A given licence has a letter of its own."""
    if request.teacher.is_active and request.teacher.email:
        with schema_context(get_public_schema_name()):
            enqueue(
                kind=TEACHER_REFUSED,
                recipient=request.teacher.email,
                at=at,
                topic=TEACHER_TOPIC,
                topic_id=request.pk,
                context={"user": request.teacher_id},
            )
