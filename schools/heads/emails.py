"""E-mails about a school's principals, rendered when they are sent, from the data of that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from mailing import kinds
from mailing.kinds import NoLongerDue, Rendered
from mailing.letters import hello, letter
from schools.heads import links, notices
from schools.heads.queries import stands
from schools.heads.wording import masked, the_school
from schools.models import Affiliation, HeadRequest, School
from web.addresses import portal_url
from web.typography import day

if TYPE_CHECKING:
    from mailing.models import Message


def ask(message: Message) -> Rendered:
    """Render the verification link, to the school's official mailbox."""
    request = HeadRequest.objects.select_related("user", "school").filter(pk=message.context["request"]).first()
    if request is None:
        raise NoLongerDue("La personne a supprimé son compte avant l'envoi.")
    if not stands(request, at=timezone.now()):
        raise NoLongerDue("La demande a expiré ou a abouti avant l'envoi.")
    if message.recipient != request.school.email:
        raise NoLongerDue("L'adresse officielle de l'établissement a changé avant l'envoi.")
    unverified = Affiliation.objects.filter(user=request.user, school=request.school, verified_at=None)
    if not unverified.exists():
        raise NoLongerDue("La personne a quitté l'établissement, ou sa direction a été vérifiée avant l'envoi.")
    user, school = request.user, request.school
    return letter(
        subject=f"Pep's : confirmez que {user} dirige votre établissement",
        paragraphs=[
            (
                f"{user} (identifiant « {user.username} », adresse {masked(user.email)}) déclare diriger "
                f"l'établissement {the_school(school)}, UAI {school.pk}, et demande à administrer ses licences Pep's."
            ),
            (
                "Si c'est exact, confirmez-le : cette personne verra les noms et les adresses e-mail des enseignants "
                "de l'établissement inscrits sur Pep's, et leur attribuera leurs licences."
            ),
            "Vous ne connaissez pas cette personne ? Ignorez cet e-mail : il ne se passera rien.",
        ],
        button="Voir la demande et confirmer",
        address=portal_url(f"direction/{links.token(request.nonce)}/"),
        notes=[
            (
                f"Ce lien vaut jusqu'au {day(timezone.localtime(request.expires_at).date())} et ne sert qu'une fois. "
                "Il est réservé à l'établissement : ne le transférez pas."
            ),
            "Cet e-mail est envoyé à l'adresse officielle de l'établissement dans l'annuaire de l'Éducation nationale.",
        ],
    )


def verified(message: Message) -> Rendered:
    """Render the confirmation to the verified principal."""
    user, school = _get_user(message, "user"), School.objects.get(pk=message.context["school"])
    if not Affiliation.objects.filter(user=user, school=school, verified_at__isnull=False).exists():
        raise NoLongerDue("La direction n'était plus vérifiée à l'envoi.")
    return letter(
        greeting=hello(user.first_name),
        subject=f"Votre direction est vérifiée : {the_school(school)}",
        paragraphs=[
            f"L'établissement {the_school(school)} a confirmé que vous le dirigez.",
            "Ses enseignants apparaissent désormais dans « Mon compte », et vous gérez ses licences.",
        ],
        button="Ouvrir Mon compte",
        address=portal_url("mon-compte/"),
    )


def joined(message: Message) -> Rendered:
    """Render the notice of a new principal, to another principal of the school."""
    user, other, school = _recipient_other_school(message)
    return letter(
        greeting=hello(user.first_name),
        subject=f"{other} dirige aussi votre établissement : {the_school(school)}",
        paragraphs=[
            (
                f"Il a été vérifié que {other} (identifiant « {other.username} ») dirige l'établissement "
                f"{the_school(school)} avec vous."
            ),
            "Vous partagez désormais les abonnements de l'établissement et la liste de ses enseignants.",
            f"Ce n'est pas exact ? Écrivez-nous à {settings.CONTACT_EMAIL}.",
        ],
        button="Ouvrir Mon compte",
        address=portal_url("mon-compte/"),
    )


def replaced(message: Message) -> Rendered:
    """Render the notice of a successor, to the replaced principal."""
    user, other, school = _recipient_other_school(message)
    return letter(
        greeting=hello(user.first_name),
        subject=f"{other} vous remplace à la direction : {the_school(school)}",
        paragraphs=[
            (
                f"Depuis sa boîte officielle, l'établissement {the_school(school)} a confirmé que {other} (identifiant "
                f"« {other.username} ») vous remplace."
            ),
            (
                "Les abonnements de l'établissement et la liste de ses enseignants ne sont plus visibles dans votre "
                "compte. Rien n'est perdu : les licences restent à l'établissement, les enseignants gardent les leurs."
            ),
            (
                "Votre compte demeure : vous pouvez y choisir un autre établissement. Ce n'est pas exact ? "
                f"Écrivez-nous à {settings.CONTACT_EMAIL}, ou demandez un nouveau lien depuis « Mon compte »."
            ),
        ],
        button="Ouvrir Mon compte",
        address=portal_url("mon-compte/"),
    )


def _recipient_other_school(message: Message) -> tuple[User, User, School]:
    """Return the recipient, the other principal and the school."""
    return _get_user(message, "user"), _get_user(message, "other"), School.objects.get(pk=message.context["school"])


def _get_user(message: Message, name: str) -> User:
    user = User.objects.filter(pk=message.context[name], is_active=True).first()
    if user is None:
        raise NoLongerDue("Le compte a été fermé avant l'envoi.")
    return user


kinds.register(notices.ASK, label="Direction à confirmer", render=ask)
kinds.register(notices.VERIFIED, label="Direction vérifiée", render=verified)
kinds.register(notices.JOINED, label="Direction partagée", render=joined)
kinds.register(notices.REPLACED, label="Direction transmise", render=replaced)
