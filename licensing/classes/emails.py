"""E-mails to teachers about their classes and their pupils' accounts: queued by operations, rendered when sent."""

from __future__ import annotations

import datetime

from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import User
from core.formatting import pluralize
from core.links import portal_url
from licensing.classes import pupil_erasure, words
from licensing.classes.models import ClassInvitation, Classroom, PupilHandover
from licensing.classes.queries import INVITATION_DAYS, get_second_teacher, taught_by
from licensing.entitlements.wording import describe_account, format_long_date
from mailing import kinds
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from mailing.operations import enqueue

# Notifications about a shared class, its pupils and tries at its passwords, queued in the causing transaction.
#
# A message stores primary keys only: its texts are rendered when it is sent.

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


_BUTTON = "Ouvrir Mes classes"
_PATH = "mes-classes/"


def render_invitation(message: Message) -> RenderedEmail:
    """Invite a teacher to share a colleague's class."""
    invitation = (
        ClassInvitation.objects.select_related("by", "classroom__seat__subscription__school")
        .filter(classroom=message.context["classroom"], teacher=message.context["user"], by=message.context["by"])
        .first()
    )
    if invitation is None or invitation.classroom.seat.holder_id != invitation.by_id:
        raise NoLongerDue("L’invitation a été reprise, ou la licence a changé de main, avant l’envoi.")
    return render_email(
        greeting=_build_greeting(message),
        subject=f"{invitation.by} vous invite à partager une classe",
        paragraphs=[
            (
                f"{invitation.by} ({describe_account(invitation.classroom.seat.subscription)}) vous propose de partager"
                f" sa classe « {invitation.classroom.name} » : vous pourrez y gérer les comptes des élèves, et entrer"
                " dans l’application."
            ),
            PRODUCT_SENTENCE,
            (
                f"Pour accepter, ouvrez « Mes classes » avec votre identifiant {_get_username(message)} dans les "
                f"{INVITATION_DAYS} jours."
            ),
            "Vous ne connaissez pas cette personne ? Il n’y a rien à faire : rien ne change sans votre accord.",
        ],
        button=_BUTTON,
        address=portal_url(_PATH),
    )


def render_acceptance(message: Message) -> RenderedEmail:
    """Notify the holder of the licence that the invitation was accepted."""
    classroom = _get_classroom(message)
    second = get_second_teacher(classroom)
    if second is None or second.pk != message.context["second"]:
        raise NoLongerDue("Le partage de la classe a pris fin avant l’envoi.")
    return render_email(
        greeting=_build_greeting(message),
        subject=f"{second} partage désormais la classe « {classroom.name} »",
        paragraphs=[
            (
                f"{second} a accepté votre invitation : vous gérez tous deux les comptes des élèves de la classe "
                f"« {classroom.name} »."
            ),
            "Vous pouvez mettre fin à ce partage quand vous le voulez, depuis « Mes classes ».",
        ],
        button=_BUTTON,
        address=portal_url(_PATH),
    )


def render_removal(message: Message) -> RenderedEmail:
    """Notify the second teacher that the class is no longer shared with them."""
    classroom = _get_classroom(message)
    second = get_second_teacher(classroom)
    if second is not None and second.pk == message.context["user"]:
        raise NoLongerDue("La classe est de nouveau partagée avec cet enseignant.")
    return render_email(
        greeting=_build_greeting(message),
        subject=f"La classe « {classroom.name} » n’est plus partagée avec vous",
        paragraphs=[
            (
                f"L’enseignant qui détient la licence de la classe « {classroom.name} » "
                f"({describe_account(classroom.seat.subscription)}) a mis fin au partage avec vous."
            ),
            "Votre compte et vos autres classes demeurent. La classe et les comptes de ses élèves aussi.",
        ],
        button=_BUTTON,
        address=portal_url(_PATH),
    )


def render_departure(message: Message) -> RenderedEmail:
    """Notify the holder of the licence that the second teacher left."""
    classroom = _get_classroom(message)
    second = User.objects.get(pk=message.context["second"])
    if get_second_teacher(classroom) == second:
        raise NoLongerDue("L’enseignant partage de nouveau la classe.")
    name = "Votre second enseignant" if second.erased_at is not None else str(second)
    return render_email(
        greeting=_build_greeting(message),
        subject=f"{name} ne partage plus la classe « {classroom.name} »",
        paragraphs=[
            f"{name} a mis fin au partage de la classe « {classroom.name} ». Elle reste la vôtre, avec ses élèves.",
            "Vous pouvez inviter un autre collègue depuis « Mes classes ».",
        ],
        button=_BUTTON,
        address=portal_url(_PATH),
    )


def render_received_pupils(message: Message) -> RenderedEmail:
    """Notify the teacher who handed pupils over that a colleague received them."""
    handover = PupilHandover.objects.select_related("received_by", "classroom", "by").get(
        pk=message.context["handover"]
    )
    colleague = handover.received_by
    if colleague is None or handover.by.erased_at is not None:
        raise NoLongerDue("Le compte a été supprimé avant l’envoi.")
    name = "Votre collègue" if colleague.erased_at is not None else str(colleague)
    pupils = pluralize(handover.received, "élève")
    return render_email(
        greeting=_build_greeting(message),
        subject=f"{name} a reçu {pupils} de la classe « {handover.classroom.name} »",
        paragraphs=[
            (
                f"{name} a saisi le code que vous aviez préparé : {pupils} de la classe « {handover.classroom.name} » "
                f"{'est désormais' if handover.received == 1 else 'sont désormais'} dans la sienne, avec le même "
                "identifiant et le même mot de passe."
            ),
            "Ce n’est pas la personne à qui vous avez donné le code ? Écrivez-nous par la page Contact.",
        ],
        button=_BUTTON,
        address=portal_url(_PATH),
    )


def _get_classroom(message: Message) -> Classroom:
    return Classroom.objects.select_related("seat__subscription__school", "seat__holder", "second_teacher").get(
        pk=message.context["classroom"]
    )


def _get_username(message: Message) -> str:
    return User.objects.values_list("username", flat=True).get(pk=message.context["user"])


def _build_greeting(message: Message) -> str:
    return format_salutation(User.objects.get(pk=message.context["user"]).first_name)


kinds.register(INVITED, label="Invitation à partager une classe", render=render_invitation, is_by_hand=True)
kinds.register(ACCEPTED, label="Classe partagée", render=render_acceptance)
kinds.register(TEACHER_REMOVED, label="Partage d’une classe terminé", render=render_removal)
kinds.register(LEFT, label="Second enseignant parti", render=render_departure)
kinds.register(PUPILS_RECEIVED, label="Élèves confiés reçus", render=render_received_pupils)


_SHEET_ADVICE = (
    "Si vous avez enregistré ou imprimé la feuille qui dit quel élève se sert de quel compte, détruisez-la aussi : "
    "elle n’existe que chez vous."
)


def render_erasure_warning(message: Message) -> RenderedEmail:
    """Warn a teacher that their pupils' accounts will be erased."""
    person = User.objects.get(pk=message.context["user"])
    classes = list(
        Classroom.objects.filter(pk__in=message.context["classrooms"], purged_at__isnull=True)
        .select_related("seat__subscription__key__entitlement")
        .order_by("pk")
    )
    if not classes:
        raise NoLongerDue("Les comptes élèves ont été effacés avant l’envoi.")
    last_day = max(one.seat.subscription.key.entitlement.last_day for one in classes)
    day = format_long_date(pupil_erasure.get_erasure_date(last_day))
    # Only the teacher may see the name of the class; others get its code.
    labels = [str(one) if one.seat.holder_id == person.pk else words.spell(one.code) for one in classes]
    label = f"de la classe {labels[0]}" if len(labels) == 1 else f"des classes {', '.join(labels)}"
    return render_email(
        greeting=format_salutation(person.first_name),
        subject=f"Les comptes élèves seront effacés le {day}",
        paragraphs=[
            (
                f"La licence {label} a pris fin le {format_long_date(last_day)} : les comptes élèves n’ouvrent plus"
                " l’application."
            ),
            f"Ils seront effacés le {day}, et vous recevrez un certificat. Vous n’avez rien à faire.",
            _SHEET_ADVICE,
            (
                "Une licence de la nouvelle année permet d’emmener la classe jusque-là, avec ses élèves, ou d’en ouvrir"
                " une nouvelle. Un élève qui change d’enseignant se confie à un collègue de l’école, par un code."
            ),
        ],
        button="Ouvrir Mon compte",
        address=portal_url("mon-compte/"),
    )


def render_erasure_certificates(message: Message) -> RenderedEmail:
    """Notify the teacher or the school that the pupils were erased, with links to the certificates."""
    person = User.objects.get(pk=message.context["user"])
    readable = pupil_erasure.list_readable_among(person, message.context["certificates"])
    if not readable:
        raise NoLongerDue("La personne n’enseigne plus dans cet établissement, et ne le dirige plus.")
    is_teacher = any(one.certificate.teacher_id == person.pk for one in readable)
    first = readable[0].certificate
    return render_email(
        greeting=format_salutation(person.first_name),
        subject=(
            f"Comptes élèves effacés : certificat n° {first.number}"
            if len(readable) == 1
            else f"Comptes élèves effacés : {len(readable)} certificats"
        ),
        paragraphs=[
            (
                f"Les licences de l’année ont pris fin le {format_long_date(first.licence_ended_on)}. Les comptes"
                f" élèves, qui n’ouvraient plus l’application, ont été effacés le {format_long_date(first.erased_at)} :"
            ),
            *(
                f"– classe {one.class_label} : {pluralize(one.certificate.pupils, 'compte')}, certificat n° "
                f"{one.certificate.number}"
                for one in readable
            ),
            "Le certificat se lit et s’imprime depuis votre compte, aussi longtemps que vous en aurez besoin.",
            *([_SHEET_ADVICE] if is_teacher else []),
        ],
        button="Voir le certificat" if len(readable) == 1 else "Voir les certificats",
        address=portal_url(f"certificats/{first.pk}/" if len(readable) == 1 else "certificats/"),
    )


def render_tries(message: Message) -> RenderedEmail:
    """Tell a teacher that somebody tries their pupils' passwords, and what to do."""
    person = User.objects.get(pk=message.context["user"])
    classroom = Classroom.objects.filter(taught_by(person), pk=message.context["classroom"]).first()
    if classroom is None or classroom.purged_at is not None:
        raise NoLongerDue("La personne n’enseigne plus cette classe, ou ses élèves ont été effacés, avant l’envoi.")
    return render_email(
        greeting=format_salutation(person.first_name),
        subject=f"Quelqu’un essaie les mots de passe de la classe « {classroom.name} »",
        paragraphs=[
            (
                "Beaucoup de mots de passe faux ont été essayés depuis hier dans votre classe "
                f"« {classroom.name} » ({words.spell(classroom.code)}), sans que le bon soit trouvé ensuite."
            ),
            (
                "Rien n’est fermé : vos élèves entrent comme avant. Qui essaie doit attendre de plus en plus longtemps"
                " entre deux essais ; trouver un mot de passe au hasard prendrait des années."
            ),
            (
                "Si vos élèves se sont simplement trompés, il n’y a rien à faire. Si une carte ou une liste a pu être"
                " vue ou perdue, donnez de nouveaux mots de passe depuis la page de la classe : à un élève, ou à"
                " tous. Les anciennes cartes ne vaudront plus rien."
            ),
            "Vous ne recevrez pas plus d’un message par jour à ce sujet.",
        ],
        button="Ouvrir la classe",
        address=portal_url(f"mes-classes/{classroom.pk}/"),
    )


kinds.register(TRIED, label="Mots de passe d’une classe essayés", render=render_tries)
kinds.register(pupil_erasure.WARNED, label="Effacement de comptes élèves annoncé", render=render_erasure_warning)
kinds.register(pupil_erasure.ERASED, label="Comptes élèves effacés", render=render_erasure_certificates)
