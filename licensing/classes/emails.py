"""E-mails to teachers about their pupils' accounts: erasure, certificates of it, tries at their passwords."""

from __future__ import annotations

from accounts.models import User
from core.formatting import pluralize
from core.links import portal_url
from licensing.classes import certificates, notifications, pupil_erasure, words
from licensing.classes.models import Classroom
from licensing.classes.queries import taught_by
from licensing.entitlements.wording import format_long_date
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message

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
    readable = certificates.list_readable_among(person, message.context["certificates"])
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


kinds.register(notifications.TRIED, label="Mots de passe d’une classe essayés", render=render_tries)
kinds.register(pupil_erasure.WARNED, label="Effacement de comptes élèves annoncé", render=render_erasure_warning)
kinds.register(pupil_erasure.ERASED, label="Comptes élèves effacés", render=render_erasure_certificates)
