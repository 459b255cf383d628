"""E-mails about requests, rendered when they are sent from the current rows."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings
from django.urls import reverse
from django_tenants.utils import tenant_context

from accounts.models import User
from collectivities.letter_links import build_stop_url
from collectivities.letters import describe_membership, find_recipient
from collectivities.models import Letter
from collectivities.office_contact import get_office_contact
from collectivities.queries import get_office_settings
from core.connections import connection
from core.formatting import collectivity_forms, pluralize, school_forms, start_sentence
from core.links import portal_url
from licensing.requests import notifications, queries
from licensing.requests.models import LicenceRequest, LicenceRequestEnd, TeacherRequest, TeacherRequestEnd
from licensing.requests.wording import describe_asked, format_day
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from schools.models import Affiliation, School
from schools.wording import format_school
from tenants.models import Collectivity


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


kinds.register(notifications.OFFICE_WAITING, label="Demandes d'écoles à traiter", render=render_office_waiting)
kinds.register(notifications.SCHOOL_WAITING, label="Demandes d'enseignants à voir", render=render_school_waiting)
kinds.register(notifications.ACCEPTED, label="Demande de licences acceptée", render=render_accepted)
kinds.register(notifications.REFUSED, label="Demande de licences refusée", render=render_refused)
kinds.register(notifications.TEACHER_REFUSED, label="Demande d'un enseignant refusée", render=render_teacher_refused)
