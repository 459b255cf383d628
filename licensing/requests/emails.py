"""E-mails about requests, rendered when they are sent from the current rows."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings
from django.urls import reverse
from django_tenants.utils import get_public_schema_name, schema_context, tenant_context

from accounts.models import User
from collectivities.letters import build_stop_url, describe_membership, find_recipient, list_recipients
from collectivities.models import Letter
from collectivities.queries import get_office_contact, get_office_settings
from core.connections import connection
from core.formatting import collectivity_forms, pluralize, school_forms, start_sentence
from core.links import portal_url
from jobs.tasks import defer, defer_once
from licensing.requests import queries
from licensing.requests.models import LicenceRequest, LicenceRequestEnd, TeacherRequest, TeacherRequestEnd
from licensing.requests.wording import describe_asked, format_day
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from mailing.operations import NewMessage, enqueue, enqueue_many
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
        for one in list_recipients(Letter.REQUESTS)
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


def render_office_waiting(message: Message) -> RenderedEmail:
    """Tell a manager that requests wait. Raises `NoLongerDue` once none does."""
    office = Collectivity.objects.get(schema_name=connection.schema_name)
    requests, units = queries.count_waiting(office)
    if not requests:
        raise NoLongerDue("Plus aucune demande n'attendait à l'envoi.")
    member = find_recipient(message.context["member"], Letter.REQUESTS)
    if member is None:
        raise NoLongerDue("Cette personne a quitté le bureau, ou ne veut plus de cet e-mail.")
    schools = "Une école demande" if requests == 1 else f"{requests} écoles demandent"
    path = reverse("requests:list", urlconf=settings.ROOT_URLCONF)
    return render_email(
        greeting=format_salutation(member.user.first_name),
        subject=f"{schools} {pluralize(units, 'licence')} {collectivity_forms(office.name).to_the}",
        paragraphs=[
            f"{schools} {pluralize(units, 'licence')} Pep’s : votre réponse est attendue.",
            "Vous pouvez en accepter plusieurs d’un seul geste, en changer le nombre, ou refuser d’une phrase.",
        ],
        button="Voir les demandes",
        address=office.office_url(path),
        reason=(
            f"Vous recevez cet e-mail, une fois par jour au plus, parce que {describe_membership(member, office)}."
            " Vous choisissez vos lettres à la page « Mes e-mails » du bureau."
        ),
        unsubscribe_url=build_stop_url(office, member.pk, Letter.REQUESTS),
    )


def render_school_waiting(message: Message) -> RenderedEmail:
    """Tell a principal that teachers wait. Raises `NoLongerDue` once none does, or they no longer lead the school."""
    recipient, uai = User.objects.get(pk=message.context["user"]), message.context["school"]
    count = queries.list_teacher_requests(uai).count()
    if not count:
        raise NoLongerDue("Plus aucune demande n'attendait à l'envoi.")
    if not Affiliation.objects.filter(user=recipient, school=uai, verified_at__isnull=False).exists():
        raise NoLongerDue("La direction n'était plus vérifiée à l'envoi.")
    school = school_forms(School.objects.get(pk=uai).name)
    asking = "Une personne vous demande" if count == 1 else f"{count} personnes vous demandent"
    return render_email(
        greeting=format_salutation(recipient.first_name),
        subject=f"{asking} une licence Pep’s {school.to_the}",
        paragraphs=[
            f"{asking} une licence Pep’s. Vous voyez qui, et répondez, dans votre compte.",
            "S’il ne vous reste pas de licence, vous pouvez y en demander à votre collectivité.",
        ],
        button="Voir mes enseignants",
        address=portal_url("mon-compte/"),
        notes=[
            (
                "Vous recevez cet e-mail, une fois par semaine au plus, parce que vous dirigez cette école sur Pep’s."
                " Pour ne plus le recevoir, décochez-le au bas de la liste de vos enseignants."
            )
        ],
    )


def _topic_id(message: Message) -> int:
    """Return the number of the request; every letter to who asked has one."""
    if message.topic_id is None:
        raise ValueError(f"A message of kind {message.kind} needs a topic_id.")
    return message.topic_id


def _get_request(message: Message, outcome: LicenceRequestEnd) -> tuple[LicenceRequest, User]:
    request = LicenceRequest.objects.select_related("school", "collectivity", "key").get(pk=_topic_id(message))
    recipient = User.objects.get(pk=message.context["user"])
    if request.outcome != outcome or recipient.erased_at is not None:
        raise NoLongerDue("La demande, ou le compte, a changé avant l'envoi.")
    return request, recipient


def _describe_request(request: LicenceRequest) -> str:
    return f"Vous aviez demandé {describe_asked(request)}, {format_school(request.school)}."


def _sign(email: RenderedEmail, collectivity: Collectivity) -> RenderedEmail:
    """Return an answer as the collectivity's own: a reply to it goes to them."""
    with tenant_context(collectivity):
        presentation = get_office_settings()
        contact = get_office_contact(presentation)
    return replace(email, from_name=presentation.sender_name or collectivity.name, reply_to=contact.email)


def render_accepted(message: Message) -> RenderedEmail:
    """Tell the principal who asked that the collectivity gave licences, and how they get to them."""
    request, recipient = _get_request(message, LicenceRequestEnd.ACCEPTED)
    giver, given = collectivity_forms(request.collectivity.name), request.accepted_units or 0
    many = given > 1
    units = pluralize(given, "licence")
    if request.key is not None and request.key.redeemed_at is not None:
        way = (
            f"{'Elles sont' if many else 'Elle est'} déjà dans votre compte : il n’y a pas de clé à saisir, donnez"
            f"{'-les' if many else '-la'} à vos enseignants."
        )
    else:
        way = (
            "La clé part dans un autre e-mail, à l’adresse que la collectivité connaît de votre école. Saisissez-la"
            " dans votre compte."
        )
    less = (
        f"Vous en aviez demandé {request.units} : c’est ce que la collectivité peut donner."
        if given < request.units
        else ""
    )
    email = render_email(
        greeting=format_salutation(recipient.first_name),
        subject=f"{start_sentence(giver.the)} vous donne {units}",
        paragraphs=[
            f"{_describe_request(request)} {start_sentence(giver.the)} vous donne {units}.",
            *([less] if less else []),
            way,
        ],
        button="Ouvrir mon compte",
        address=portal_url("mon-compte/"),
        notes=[f"Vous recevez cet e-mail parce que vous avez fait cette demande le {format_day(request.created_at)}."],
    )
    return _sign(email, request.collectivity)


def render_refused(message: Message) -> RenderedEmail:
    """Tell the principal who asked that the collectivity refused, in its own sentence."""
    request, recipient = _get_request(message, LicenceRequestEnd.REFUSED)
    giver = collectivity_forms(request.collectivity.name)
    email = render_email(
        greeting=format_salutation(recipient.first_name),
        subject=f"{start_sentence(giver.the)} a répondu à votre demande de licences",
        paragraphs=[
            (
                f"{_describe_request(request)} {start_sentence(giver.the)} ne peut pas "
                f"{'la' if request.units == 1 else 'les'} donner et vous répond :"
            ),
            f"« {request.answer} »",
            "Vous pouvez faire une autre demande, ou acheter des licences dans la boutique.",
        ],
        button="Ouvrir mon compte",
        address=portal_url("mon-compte/"),
        notes=[f"Vous recevez cet e-mail parce que vous avez fait cette demande le {format_day(request.created_at)}."],
    )
    return _sign(email, request.collectivity)


def render_teacher_refused(message: Message) -> RenderedEmail:
    """Tell a teacher that their principal refused."""
    request = TeacherRequest.objects.select_related("school").filter(pk=_topic_id(message)).first()
    recipient = User.objects.get(pk=message.context["user"])
    if request is None or request.outcome != TeacherRequestEnd.REFUSED or recipient.erased_at is not None:
        raise NoLongerDue("La demande, ou le compte, a changé avant l'envoi.")
    school = school_forms(request.school.name)
    return render_email(
        greeting=format_salutation(recipient.first_name),
        subject=f"Votre demande de licence {school.to_the}",
        paragraphs=[
            f"La direction {school.of_the} ne peut pas vous donner de licence Pep’s pour l’instant.",
            *([f"Elle vous répond : « {request.answer} »"] if request.answer else []),
            "Vous pouvez en parler avec elle, ou acheter une licence pour votre classe.",
        ],
        button="Ouvrir mon compte",
        address=portal_url("mon-compte/"),
        notes=[f"Vous recevez cet e-mail parce que vous avez fait cette demande le {format_day(request.created_at)}."],
    )


kinds.register(OFFICE_WAITING, label="Demandes d'écoles à traiter", render=render_office_waiting)
kinds.register(SCHOOL_WAITING, label="Demandes d'enseignants à voir", render=render_school_waiting)
kinds.register(ACCEPTED, label="Demande de licences acceptée", render=render_accepted)
kinds.register(REFUSED, label="Demande de licences refusée", render=render_refused)
kinds.register(TEACHER_REFUSED, label="Demande d'un enseignant refusée", render=render_teacher_refused)
