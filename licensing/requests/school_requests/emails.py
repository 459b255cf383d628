"""E-mails about requests, rendered when they are sent from the current rows."""

import datetime
from collections.abc import Sequence
from functools import partial

from django.conf import settings
from django.urls import reverse
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import User
from collectivities.letters import build_stop_url, describe_membership, find_recipient, list_recipients
from collectivities.models import Letter
from core.connections import connection
from core.links import portal_url
from jobs.tasks import defer, defer_once
from licensing.requests.lifecycle.emails import sign
from licensing.requests.school_requests import queries
from licensing.requests.school_requests.models import (
    LicenceRequest,
    LicenceRequestEnd,
    TeacherRequest,
    TeacherRequestEnd,
)
from licensing.requests.school_requests.wording import describe_asked
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message, get_topic_id
from mailing.operations import NewMessage, enqueue_in_portal, enqueue_many
from schools.models import Affiliation, School
from schools.queries import list_verified_principals
from schools.wording import format_school
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


def notify_office(request: LicenceRequest, event: str, at: datetime.datetime) -> None:
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
    schema = connection.schema_name
    due_at = _find_due(OFFICE_TOPIC, OFFICE_PAUSE, at)
    defer_once("requests.write_to_managers", schema=schema, queueing_lock=f"requests_letter:{schema}", at=due_at)


def write_to_managers(at: datetime.datetime) -> int:
    """Write to the current office's managers that requests wait, unless none does; return how many letters.

    Not to those who do not want it, and not within a day of the last.
    """
    collectivity = Collectivity.objects.get(schema_name=connection.schema_name)
    if not queries.count_waiting(collectivity)[0] or _find_due(OFFICE_TOPIC, OFFICE_PAUSE, at) > at:
        return 0
    emails = [
        NewMessage(
            OFFICE_WAITING,
            member.user.email,
            topic=OFFICE_TOPIC,
            topic_id=member.user_id,
            context={"user": member.user_id, "member": member.pk},
        )
        for member in list_recipients(Letter.REQUESTS)
    ]
    return enqueue_many(emails, at=at)


def queue_school_letter(request: TeacherRequest, at: datetime.datetime) -> None:
    """Queue the letter that tells a school's principals of waiting teachers, a week after the last one."""
    with schema_context(get_public_schema_name()):
        due_at = _find_due(f"{SCHOOL_TOPIC}{request.school_id}", SCHOOL_PAUSE, at)
    defer_once(
        "requests.write_to_principals",
        schema=get_public_schema_name(),
        queueing_lock=f"teacher_requests_letter:{request.school_id}",
        at=due_at,
        uai=request.school_id,
    )


def write_to_principals(uai: str, at: datetime.datetime) -> int:
    """Write to a school's verified principals that teachers wait, unless none does; return how many letters."""
    topic = f"{SCHOOL_TOPIC}{uai}"
    if not queries.list_teacher_requests(uai).exists() or _find_due(topic, SCHOOL_PAUSE, at) > at:
        return 0
    principals = [affiliation.user for affiliation in list_verified_principals(uai)]
    muted = queries.find_muted(principals)
    emails = [
        NewMessage(SCHOOL_WAITING, user.email, topic=topic, topic_id=user.pk, context={"user": user.pk, "school": uai})
        for user in principals
        if user.pk not in muted and user.email
    ]
    return enqueue_many(emails, at=at)


def _find_due(topic: str, pause: datetime.timedelta, at: datetime.datetime) -> datetime.datetime:
    """Return when the next letter of a topic may leave, by the outbox of the current schema."""
    letters = Message.objects.filter(topic=topic).order_by("-created_at")
    last = letters.values_list("created_at", flat=True).first()
    return at if last is None else max(at, last + pause)


def notify_principals(requests: Sequence[LicenceRequest], kind: str, at: datetime.datetime) -> None:
    """Write to those who asked what the collectivity answered, if their accounts are open."""
    _write([(request, request.asked_by) for request in requests], kind, TOPIC, at)


def notify_refused_teacher(request: TeacherRequest, at: datetime.datetime) -> None:
    """Write to the teacher that their request was refused. A given licence has a letter of its own."""
    _write([(request, request.teacher)], TEACHER_REFUSED, TEACHER_TOPIC, at)


def _write(
    asked: Sequence[tuple[LicenceRequest | TeacherRequest, User]], kind: str, topic: str, at: datetime.datetime
) -> None:
    emails = [
        NewMessage(kind, user.email, topic=topic, topic_id=request.pk, context={"user": user.pk})
        for request, user in asked
        if user.is_active and user.email
    ]
    enqueue_in_portal(emails, at=at)


def render_office_waiting(message: Message) -> RenderedEmail:
    """Tell a manager that requests wait. Raises `NoLongerDue` once none does."""
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    requests, units = queries.count_waiting(office)
    if not requests:
        raise NoLongerDue("Plus aucune demande n'attendait à l'envoi.")
    member = find_recipient(message.context["member"], Letter.REQUESTS)
    if member is None:
        raise NoLongerDue("Cette personne a quitté le bureau, ou ne veut plus de cet e-mail.")
    return render_email_template(
        "requests/emails/office_waiting.txt",
        {"requests": requests, "units": units, "office": office, "membership": describe_membership(member, office)},
        greeting=format_salutation(member.user.first_name),
        address=office.office_url(reverse("requests:list", urlconf=settings.ROOT_URLCONF)),
        typeset=str,
        unsubscribe_url=build_stop_url(office, member.pk, Letter.REQUESTS),
    )


def render_school_waiting(message: Message) -> RenderedEmail:
    """Tell a principal that teachers wait. Raises `NoLongerDue` once none does, or they no longer lead the school."""
    recipient, uai = User.objects.get(pk=message.context["user"]), message.context["school"]
    teachers = queries.list_teacher_requests(uai).count()
    if not teachers:
        raise NoLongerDue("Plus aucune demande n'attendait à l'envoi.")
    if not Affiliation.objects.filter(user=recipient, school=uai, verified_at__isnull=False).exists():
        raise NoLongerDue("La direction n'était plus vérifiée à l'envoi.")
    return render_email_template(
        "requests/emails/school_waiting.txt",
        {"teachers": teachers, "school": School.objects.get(pk=uai).name},
        greeting=format_salutation(recipient.first_name),
        address=portal_url("mon-compte/"),
        typeset=str,
    )


def render_answer(outcome: LicenceRequestEnd, message: Message) -> RenderedEmail:
    """Tell the principal who asked what the collectivity answered, and how they get to what it gave."""
    requests = LicenceRequest.objects.select_related("school", "collectivity", "key")
    request = requests.get(pk=get_topic_id(message))
    context = {
        "asked": describe_asked(request),
        "school": format_school(request.school),
        "given": request.accepted_units or 0,
        "is_redeemed": request.key is not None and request.key.redeemed_at is not None,
    }
    email = _render_to_asker(message, request, outcome, f"requests/emails/{outcome}.txt", context)
    return sign(email, request.collectivity)


def render_teacher_refused(message: Message) -> RenderedEmail:
    """Tell a teacher that their principal refused."""
    request = TeacherRequest.objects.select_related("school").filter(pk=get_topic_id(message)).first()
    return _render_to_asker(message, request, TeacherRequestEnd.REFUSED, "requests/emails/teacher_refused.txt", {})


def _render_to_asker(
    message: Message,
    request: LicenceRequest | TeacherRequest | None,
    outcome: str,
    template: str,
    context: dict[str, object],
) -> RenderedEmail:
    recipient = User.objects.get(pk=message.context["user"])
    if request is None or request.outcome != outcome or recipient.erased_at is not None:
        raise NoLongerDue("La demande, ou le compte, a changé avant l'envoi.")
    return render_email_template(
        template,
        {"request": request, **context},
        greeting=format_salutation(recipient.first_name),
        address=portal_url("mon-compte/"),
        typeset=str,
    )


kinds.register(OFFICE_WAITING, label="Demandes d'écoles à traiter", render=render_office_waiting)
kinds.register(SCHOOL_WAITING, label="Demandes d'enseignants à voir", render=render_school_waiting)
kinds.register(
    ACCEPTED, label="Demande de licences acceptée", render=partial(render_answer, LicenceRequestEnd.ACCEPTED)
)
kinds.register(REFUSED, label="Demande de licences refusée", render=partial(render_answer, LicenceRequestEnd.REFUSED))
kinds.register(TEACHER_REFUSED, label="Demande d'un enseignant refusée", render=render_teacher_refused)
