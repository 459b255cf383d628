"""Renderers of e-mails about sharing a class, and about pupils whom a colleague received."""

from __future__ import annotations

from accounts.models import User
from core.formatting import pluralize
from core.links import portal_url
from licensing.classes import notifications
from licensing.classes.models import ClassInvitation, Classroom, PupilHandover
from licensing.classes.queries import INVITATION_DAYS, get_second_teacher
from licensing.entitlements.wording import describe_account
from mailing import kinds
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message

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


kinds.register(
    notifications.INVITED, label="Invitation à partager une classe", render=render_invitation, is_by_hand=True
)
kinds.register(notifications.ACCEPTED, label="Classe partagée", render=render_acceptance)
kinds.register(notifications.TEACHER_REMOVED, label="Partage d’une classe terminé", render=render_removal)
kinds.register(notifications.LEFT, label="Second enseignant parti", render=render_departure)
kinds.register(notifications.PUPILS_RECEIVED, label="Élèves confiés reçus", render=render_received_pupils)
