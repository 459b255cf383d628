"""E-mails to teachers and principals about seats: queued by operations, rendered when sent from the current rows.

None contains a key. Only verified principals are told who the teacher is.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import number, pluralize, school_forms
from core.links import portal_url
from licensing.entitlements import notifications
from licensing.entitlements.models import Seat
from licensing.entitlements.queries import may_see_teachers_of
from licensing.entitlements.wording import (
    describe_account,
    describe_start,
    describe_use,
    format_use,
    name_with_commune,
)
from mailing import kinds
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from mailing.operations import EVENTS
from schools.models import Affiliation


def describe_taking(typed: Sequence[User], accepted: Sequence[User]) -> str:
    """Return what happened, in a few words: « 3 enseignants ont accepté votre invitation »."""
    count = len(typed) + len(accepted)
    if count == 1:
        return (
            f"{accepted[0]} a accepté votre invitation" if accepted else "Une clé de votre établissement a été saisie"
        )
    teachers = pluralize(count, "enseignant")
    if not accepted:
        return f"{teachers} ont saisi une clé de votre établissement"
    if not typed:
        return f"{teachers} ont accepté votre invitation"
    return f"{teachers} de plus ont une licence"


def write_typed(teachers: Sequence[User], *, may_see_names: bool) -> list[str]:
    """Return the paragraphs about teachers who typed the key, and what to do about a stranger."""
    who = "cette personne" if len(teachers) == 1 else "l'une de ces personnes"
    advice = f"Si vous n'avez pas transmis la clé à {who}, retirez-lui la licence depuis votre compte."
    return [_write(teachers, "saisi la clé de votre abonnement", may_see_names=may_see_names), advice]


def write_accepted(teachers: Sequence[User]) -> list[str]:
    """Return the paragraphs about teachers who accepted an invitation, and what to do about a stranger."""
    question = (
        "Ce n'est pas la personne que vous avez invitée ?"
        if len(teachers) == 1
        else "L'une de ces personnes n'est pas celle que vous avez invitée ?"
    )
    return [
        _write(teachers, "accepté votre invitation", may_see_names=True),
        f"{question} Retirez-lui la licence depuis votre compte.",
    ]


def _write(teachers: Sequence[User], act: str, *, may_see_names: bool) -> str:
    """Return who did it: in the sentence where it is one person, below it, each on a line, where there are several."""
    names = [f"{teacher} ({teacher.email})" for teacher in teachers] if may_see_names else []
    if len(teachers) == 1:
        return f"{names[0] if names else 'Un enseignant'} a {act} et bénéficie désormais d'une licence."
    sentence = f"{pluralize(len(teachers), 'enseignant')} ont {act} et bénéficient désormais chacun d'une licence"
    return "\n".join([f"{sentence} :", *[f"– {name}" for name in names]]) if names else f"{sentence}."


_SEATS = Seat.objects.select_related(
    "holder", "subscription__school", "subscription__principal", "subscription__key__entitlement__product"
)
_FIRST_CLASS = "Il vous reste à ouvrir votre classe, et à imprimer les cartes de vos élèves."
_NEXT_CLASS = (
    "Vous aviez une classe l'an dernier ? Emmenez-la, avec ses élèves et leurs cartes, ou ouvrez-en une nouvelle : "
    "« Mes classes » propose l'un et l'autre."
)


def render_assigned(message: Message) -> RenderedEmail:
    """Tell a teacher that a seat was assigned to them."""
    seat = _SEATS.get(pk=message.context["seat"])
    if seat.holder_id != message.context["user"]:
        raise NoLongerDue("La licence a été retirée à l'enseignant avant l'envoi.")
    entitlement, today = seat.subscription.key.entitlement, date_in_paris(timezone.now())
    start = describe_start(entitlement, today)
    # A class of the year before goes along until its pupils are erased.
    kept = today - datetime.timedelta(days=settings.PUPILS_KEPT_DAYS)
    had_one = Seat.objects.filter(
        holder=seat.holder_id, subscription__key__entitlement__last_day__range=(kept, entitlement.first_day)
    ).exists()
    return render_email(
        greeting=_greeting(message),
        subject=f"Votre licence Pep's est utilisable {start}" if start else "Votre licence Pep's est active",
        paragraphs=[
            (
                "Votre chef d'établissement vous a attribué une licence Pep's pour votre classe "
                f"({describe_account(seat.subscription)})."
            ),
            PRODUCT_SENTENCE,
            (
                f"Votre licence est {'utilisable' if start else 'active dès maintenant,'}"
                f" {format_use(entitlement, today)} : vous n'avez rien à saisir."
            ),
            *([] if start else [_NEXT_CLASS if had_one else _FIRST_CLASS]),
        ],
        button="Ouvrir Mon compte" if start else "Ouvrir Mes classes" if had_one else "Ouvrir ma classe",
        # The class of the seat, once it is open. By path: classes are above licences.
        address=portal_url("mon-compte/" if start else "mes-classes/" if had_one else f"mes-classes/ouvrir/{seat.pk}/"),
    )


def render_withdrawn(message: Message) -> RenderedEmail:
    """Tell a teacher that their seat was withdrawn, and what becomes of their class."""
    seat = _SEATS.get(pk=message.context["seat"])
    if seat.subscription.seats.filter(holder=message.context["user"]).exists():
        raise NoLongerDue("Une licence a été attribuée de nouveau à l'enseignant avant l'envoi.")
    return render_email(
        greeting=_greeting(message),
        subject="Votre licence Pep's vous a été retirée",
        paragraphs=[
            (
                f"La licence « {seat.subscription.key.entitlement.product} » qui vous était attribuée "
                f"({describe_account(seat.subscription)}) vous a été retirée par votre chef d'établissement."
            ),
            (
                "Votre compte demeure. La classe et les comptes des élèves sont conservés avec la licence, pour "
                "l'enseignant qui la reprendra."
            ),
            "S'il s'agit d'une erreur, votre chef d'établissement peut vous l'attribuer de nouveau depuis son compte.",
        ],
        button="Ouvrir Mon compte",
        address=portal_url("mon-compte/"),
    )


def render_joined(message: Message) -> RenderedEmail:
    """Tell a teacher that a principal attached their account to a school."""
    affiliation = Affiliation.objects.select_related("school").filter(pk=message.context["affiliation"]).first()
    if affiliation is None or affiliation.school is None:
        raise NoLongerDue("L'enseignant n'est plus rattaché à cet établissement.")
    return render_email(
        greeting=_greeting(message),
        subject=f"Votre compte est rattaché {school_forms(affiliation.school.name).to_the}",
        paragraphs=[
            (
                f"La direction {school_forms(name_with_commune(affiliation.school)).of_the} a rattaché votre compte à "
                "son établissement."
            ),
            "Elle peut désormais vous attribuer une licence sans que vous ayez de clé à saisir.",
            "Ce n'est pas votre école ? Choisissez la vôtre dans « Mon compte ».",
        ],
        button="Ouvrir Mon compte",
        address=portal_url("mon-compte/"),
    )


def render_taken(message: Message) -> RenderedEmail:
    """Tell a principal which licences teachers took: by the school's key, or by accepting an invitation."""
    recipient = User.objects.get(pk=message.context["user"])
    # The last that happened to a seat counts.
    taken = {seat: (teacher, means) for seat, teacher, means in message.context[EVENTS]}
    still = [one for one in _SEATS.filter(pk__in=taken).order_by("pk") if one.holder_id == taken[one.pk][0]]
    if not still:
        raise NoLongerDue("Les licences ont été retirées aux enseignants avant l'envoi.")
    subscription = still[0].subscription
    may_see_names = may_see_teachers_of(recipient, subscription)
    holders = [(one.holder, taken[one.pk][1]) for one in still if one.holder is not None]
    typed = [teacher for teacher, means in holders if means == notifications.TYPED]
    # Whoever leads the school no more reads nothing of those whom they invited.
    accepted = [teacher for teacher, means in holders if means == notifications.ACCEPTED and may_see_names]
    if not typed and not accepted:
        raise NoLongerDue("La direction n'était plus vérifiée à l'envoi.")
    held = subscription.seats.held().count()
    return render_email(
        greeting=format_salutation(recipient.first_name),
        subject=f"{describe_taking(typed, accepted)} : {describe_use(held, subscription.size)}",
        paragraphs=[
            *(write_typed(typed, may_see_names=may_see_names) if typed else []),
            *(write_accepted(accepted) if accepted else []),
            (
                f"Abonnement « {subscription.key.entitlement.product} » : {pluralize(held, 'licence')} sur"
                f" {number(subscription.size)} {'est utilisée' if held == 1 else 'sont utilisées'}."
            ),
        ],
        button="Voir mes abonnements",
        address=portal_url("mon-compte/"),
    )


def render_moved(message: Message) -> RenderedEmail:
    """Tell a principal that the holder of a seat chose another school."""
    seat, teacher_name = _get_seat_and_holder(message)
    if Affiliation.objects.filter(user=seat.holder, school=seat.subscription.school_id).exists():
        raise NoLongerDue("L'enseignant est de nouveau rattaché à l'établissement.")
    return render_email(
        greeting=_greeting(message),
        subject="Un enseignant n'est plus rattaché à votre établissement",
        paragraphs=[
            (
                f"{teacher_name} a choisi un autre établissement dans son compte. La licence «"
                f" {seat.subscription.key.entitlement.product} » que vous lui aviez attribuée reste la vôtre, et il"
                " peut encore s'en servir."
            ),
            (
                "S'il a quitté l'école, passez sa licence, avec la classe et les comptes de ses élèves, à celui qui le "
                "remplace : « Retirer », à côté de son nom, dans « Mon compte »."
            ),
        ],
        button="Voir mes abonnements",
        address=portal_url("mon-compte/"),
    )


def render_left(message: Message) -> RenderedEmail:
    """Tell a principal that a seat is free again because its holder deleted their account."""
    subscription = _SEATS.get(pk=message.context["seat"]).subscription
    in_use = describe_use(subscription.seats.held().count(), subscription.size)
    return render_email(
        greeting=_greeting(message),
        subject=f"Une licence de votre établissement est de nouveau disponible : {in_use}",
        paragraphs=[
            (
                f"Une personne qui détenait une licence de votre abonnement « {subscription.key.entitlement.product} » "
                f"({describe_account(subscription)}) a supprimé son compte Pep's."
            ),
            (
                "La licence est de nouveau disponible. La classe et les comptes des élèves sont conservés : ils "
                "passeront à l'enseignant à qui vous l'attribuerez."
            ),
        ],
        button="Voir mes abonnements",
        address=portal_url("mon-compte/"),
    )


def _get_seat_and_holder(message: Message) -> tuple[Seat, str]:
    """Return the seat, and its holder as shown to the recipient. Raises `NoLongerDue` if they changed."""
    seat = _SEATS.get(pk=message.context["seat"])
    if seat.holder is None or seat.holder_id != message.context["teacher"]:
        raise NoLongerDue("La licence a été retirée à l'enseignant avant l'envoi.")
    recipient = User.objects.get(pk=message.context["user"])
    may_see_name = may_see_teachers_of(recipient, seat.subscription)
    return seat, f"{seat.holder} ({seat.holder.email})" if may_see_name else "Un enseignant"


def _greeting(message: Message) -> str:
    return format_salutation(User.objects.get(pk=message.context["user"]).first_name)


kinds.register(notifications.SEAT_ASSIGNED, label="Licence attribuée", render=render_assigned)
kinds.register(notifications.SEAT_WITHDRAWN, label="Licence retirée", render=render_withdrawn)
kinds.register(notifications.SEAT_TAKEN, label="Clé saisie ou invitation acceptée", render=render_taken)
kinds.register(notifications.TEACHER_JOINED, label="Enseignant rattaché", render=render_joined)
kinds.register(notifications.TEACHER_MOVED, label="Enseignant parti", render=render_moved)
kinds.register(notifications.SEAT_LEFT, label="Titulaire parti", render=render_left)
