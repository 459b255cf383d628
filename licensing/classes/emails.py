"""E-mails to teachers about their classes and their pupils' accounts: queued by operations, rendered when sent."""

import datetime
from collections.abc import Mapping
from functools import partial
from typing import Any

from accounts.models import User
from core.formatting import add_nonbreaking_spaces
from core.links import portal_url
from licensing.classes import pupil_erasure, words
from licensing.classes.models import ClassInvitation, Classroom, PupilHandover
from licensing.classes.queries import INVITATION_DAYS, get_second_teacher, taught_by
from licensing.entitlements.emails import EmailReader
from licensing.entitlements.wording import describe_account
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message
from mailing.operations import NewMessage, enqueue_in_portal

# Notifications about a shared class, its pupils and tries at its passwords, queued in the causing transaction.
#
# A message stores primary keys only: its texts are rendered when it is sent.

INVITED = "class.invited"
ACCEPTED = "class.accepted"
TEACHER_REMOVED = "class.teacher_removed"
LEFT = "class.left"
TRIED = "class.passwords_tried"
PUPILS_RECEIVED = "class.pupils_received"

_WITH_NONBREAKING_SPACES = (INVITED, ACCEPTED, TEACHER_REMOVED, LEFT, pupil_erasure.WARNED, pupil_erasure.ERASED)
_PATH = "mes-classes/"


def notify(kind: str, person: User, at: datetime.datetime, **context: int | None) -> None:
    """Queue an e-mail of one of these kinds to a teacher; `context`: what its reader below looks up."""
    enqueue_in_portal([NewMessage(kind, person.email, context={"user": person.pk, **context})], at=at)


def render_class_email(kind: str, context: Mapping[str, Any], *, reader: User, path: str = _PATH) -> RenderedEmail:
    """Render an e-mail of a kind from its template; its button leads to a path."""
    return render_email_template(
        f"classes/emails/{kind.removeprefix('class.')}.txt",
        context,
        address=portal_url(path),
        greeting=format_salutation(reader.first_name),
        typeset=add_nonbreaking_spaces if kind in _WITH_NONBREAKING_SPACES else str,
    )


def _read_invitation(message: Message, teacher: User) -> dict[str, Any]:
    invitation = (
        ClassInvitation.objects.select_related("by", "classroom__seat__subscription__school")
        .filter(classroom=message.context["classroom"], teacher=teacher, by=message.context["by"])
        .first()
    )
    if invitation is None or invitation.classroom.seat.holder_id != invitation.by_id:
        raise NoLongerDue("L’invitation a été reprise, ou la licence a changé de main, avant l’envoi.")
    return {
        "by": str(invitation.by),
        "account": describe_account(invitation.classroom.seat.subscription),
        "classroom": invitation.classroom.name,
        "product": PRODUCT_SENTENCE,
        "username": teacher.username,
        "days": INVITATION_DAYS,
    }


def _read_acceptance(message: Message, _holder: User) -> dict[str, Any]:
    classroom = _get_classroom(message)
    second = get_second_teacher(classroom)
    if second is None or second.pk != message.context["second"]:
        raise NoLongerDue("Le partage de la classe a pris fin avant l’envoi.")
    return {"second": str(second), "classroom": classroom.name}


def _read_removal(message: Message, teacher: User) -> dict[str, Any]:
    classroom = _get_classroom(message)
    if get_second_teacher(classroom) == teacher:
        raise NoLongerDue("La classe est de nouveau partagée avec cet enseignant.")
    return {"classroom": classroom.name, "account": describe_account(classroom.seat.subscription)}


def _read_departure(message: Message, _holder: User) -> dict[str, Any]:
    classroom = _get_classroom(message)
    second = User.objects.get(pk=message.context["second"])
    if get_second_teacher(classroom) == second:
        raise NoLongerDue("L’enseignant partage de nouveau la classe.")
    name = "Votre second enseignant" if second.erased_at is not None else str(second)
    return {"name": name, "classroom": classroom.name}


def _read_received_pupils(message: Message, _giver: User) -> dict[str, Any]:
    handover = PupilHandover.objects.select_related("received_by", "classroom", "by").get(
        pk=message.context["handover"]
    )
    colleague = handover.received_by
    if colleague is None or handover.by.erased_at is not None:
        raise NoLongerDue("Le compte a été supprimé avant l’envoi.")
    name = "Votre collègue" if colleague.erased_at is not None else str(colleague)
    return {"name": name, "pupils": handover.received, "classroom": handover.classroom.name}


def _read_tries(message: Message, teacher: User) -> dict[str, Any]:
    classroom = Classroom.objects.filter(taught_by(teacher), pk=message.context["classroom"]).first()
    if classroom is None or classroom.purged_at is not None:
        raise NoLongerDue("La personne n’enseigne plus cette classe, ou ses élèves ont été effacés, avant l’envoi.")
    return {"classroom": classroom.name, "code": words.spell(classroom.code), "path": f"{_PATH}{classroom.pk}/"}


def _read_erasure_warning(message: Message, teacher: User) -> dict[str, Any]:
    classes = list(
        Classroom.objects.filter(pk__in=message.context["classrooms"], purged_at__isnull=True)
        .select_related("seat__subscription__key__entitlement")
        .order_by("pk")
    )
    if not classes:
        raise NoLongerDue("Les comptes élèves ont été effacés avant l’envoi.")
    last_day = max(classroom.seat.subscription.key.entitlement.last_day for classroom in classes)
    return {
        "last_day": last_day,
        "erased_on": pupil_erasure.get_erasure_date(last_day),
        # Only the teacher may see the name of the class; others get its code.
        "labels": [
            str(classroom) if classroom.seat.holder_id == teacher.pk else words.spell(classroom.code)
            for classroom in classes
        ],
        "path": "mon-compte/",
    }


def _read_certificates(message: Message, reader: User) -> dict[str, Any]:
    readable = pupil_erasure.list_readable(reader, pk__in=message.context["certificates"])
    if not readable:
        raise NoLongerDue("La personne n’enseigne plus dans cet établissement, et ne le dirige plus.")
    first = readable[0].certificate
    return {
        "number": first.number,
        "licence_ended_on": first.licence_ended_on,
        "erased_on": first.erased_at,
        "classes": [(one.class_label, one.certificate.pupils, one.certificate.number) for one in readable],
        "is_teacher": any(one.certificate.teacher_id == reader.pk for one in readable),
        "path": f"certificats/{first.pk}/" if len(readable) == 1 else "certificats/",
    }


def _get_classroom(message: Message) -> Classroom:
    return Classroom.objects.select_related("seat__subscription__school", "seat__holder", "second_teacher").get(
        pk=message.context["classroom"]
    )


def _render(read: EmailReader, message: Message) -> RenderedEmail:
    reader = User.objects.get(pk=message.context["user"])
    context = read(message, reader)
    return render_class_email(message.kind, context, reader=reader, path=context.get("path", _PATH))


_KINDS: dict[str, tuple[str, EmailReader]] = {
    INVITED: ("Invitation à partager une classe", _read_invitation),
    ACCEPTED: ("Classe partagée", _read_acceptance),
    TEACHER_REMOVED: ("Partage d’une classe terminé", _read_removal),
    LEFT: ("Second enseignant parti", _read_departure),
    PUPILS_RECEIVED: ("Élèves confiés reçus", _read_received_pupils),
    TRIED: ("Mots de passe d’une classe essayés", _read_tries),
    pupil_erasure.WARNED: ("Effacement de comptes élèves annoncé", _read_erasure_warning),
    pupil_erasure.ERASED: ("Comptes élèves effacés", _read_certificates),
}
for _kind, (_label, _reader) in _KINDS.items():
    kinds.register(_kind, label=_label, render=partial(_render, _reader), is_by_hand=_kind == INVITED)
