"""E-mails about a school's principals, rendered when they are sent, from the data of that moment."""

from __future__ import annotations

import datetime

from django.conf import settings
from django.utils import timezone
from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import is_elided, long_date
from core.links import add_token, portal_url
from mailing import kinds
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from mailing.operations import enqueue
from schools.models import Affiliation, PrincipalRequest, School
from schools.queries import is_link_usable
from schools.wording import format_school, mask_email

# Queue the e-mails of principal verification: to the official mailbox, and to the principals concerned.
#
# Queued in the caller's transaction, in the portal's outbox. A message holds ids and the school's UAI only: names,
# e-mail addresses and the link are read when it is sent.

VERIFICATION_REQUEST = "principal.verification_requested"
VERIFIED = "principal.verified"
JOINED = "principal.joined"
REPLACED = "principal.replaced"


def notify_mailbox(request: PrincipalRequest, at: datetime.datetime) -> None:
    """Send the verification link to the school's official mailbox."""
    _queue(VERIFICATION_REQUEST, request.school.email, at, request=request.pk)


def notify_verified(affiliation: Affiliation, at: datetime.datetime) -> None:
    """Notify the principal that they are verified."""
    _queue(VERIFIED, affiliation.user.email, at, user=affiliation.user_id, school=affiliation.school_id)


def notify_joined(principal: User, newcomer: User, school_id: str | None, at: datetime.datetime) -> None:
    """Notify a principal of the school that another one was verified."""
    _queue(JOINED, principal.email, at, user=principal.pk, other=newcomer.pk, school=school_id)


def notify_replaced(principal: User, successor: User, school_id: str | None, at: datetime.datetime) -> None:
    """Notify a principal that a successor replaced them."""
    _queue(REPLACED, principal.email, at, user=principal.pk, other=successor.pk, school=school_id)


def _queue(kind: str, recipient: str, at: datetime.datetime, **context: int | str | None) -> None:
    with schema_context(get_public_schema_name()):
        enqueue(kind=kind, recipient=recipient, at=at, context=context)


def render_verification_request(message: Message) -> RenderedEmail:
    """Render the verification link, to the school's official mailbox."""
    request = PrincipalRequest.objects.select_related("user", "school").filter(pk=message.context["request"]).first()
    if request is None:
        raise NoLongerDue("La personne a supprimé son compte avant l'envoi.")
    if not is_link_usable(request, at=timezone.now()):
        raise NoLongerDue("La demande a expiré ou a abouti avant l'envoi.")
    if message.recipient != request.school.email:
        raise NoLongerDue("L'adresse officielle de l'établissement a changé avant l'envoi.")
    unverified = Affiliation.objects.filter(user=request.user, school=request.school, verified_at=None)
    if not unverified.exists():
        raise NoLongerDue("La personne a quitté l'établissement, ou sa direction a été vérifiée avant l'envoi.")
    user, school = request.user, request.school
    that = "qu'" if is_elided(str(user)) else "que "
    return render_email(
        subject=f"Pep's : confirmez {that}{user} dirige votre établissement",
        paragraphs=[
            (
                f"{user} (identifiant « {user.username} », adresse {mask_email(user.email)}) déclare diriger"
                f" l'établissement {format_school(school)}, UAI {school.pk}, et demande à administrer ses licences"
                " Pep's."
            ),
            (
                "Si c'est exact, confirmez-le : cette personne verra les noms et les adresses e-mail des enseignants "
                "de l'établissement inscrits sur Pep's, et leur attribuera leurs licences."
            ),
            "Vous ne connaissez pas cette personne ? Ignorez cet e-mail : il ne se passera rien.",
        ],
        button="Voir la demande et confirmer",
        address=add_token(portal_url("direction/"), request.link_token),
        notes=[
            (
                f"Ce lien vaut jusqu'au {long_date(date_in_paris(request.expires_at))} et ne sert qu'une"
                " fois. Il est réservé à l'établissement : ne le transférez pas."
            ),
            "Cet e-mail est envoyé à l'adresse officielle de l'établissement dans l'annuaire de l'Éducation nationale.",
        ],
    )


def render_verified(message: Message) -> RenderedEmail:
    """Render the confirmation to the verified principal."""
    user, school = _get_user(message, "user"), School.objects.get(pk=message.context["school"])
    if not Affiliation.objects.filter(user=user, school=school, verified_at__isnull=False).exists():
        raise NoLongerDue("La direction n'était plus vérifiée à l'envoi.")
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"Votre direction est vérifiée : {format_school(school)}",
        paragraphs=[
            f"L'établissement {format_school(school)} a confirmé que vous le dirigez.",
            "Ses enseignants apparaissent désormais dans « Mon compte », et vous gérez ses licences.",
        ],
        button="Ouvrir Mon compte",
        address=portal_url("mon-compte/"),
    )


def render_joined(message: Message) -> RenderedEmail:
    """Render the notice of a new principal, to another principal of the school."""
    user, other, school = _recipient_other_school(message)
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"{other} dirige aussi votre établissement : {format_school(school)}",
        paragraphs=[
            (
                f"Il a été vérifié que {other} (identifiant « {other.username} ») dirige l'établissement "
                f"{format_school(school)} avec vous."
            ),
            "Vous partagez désormais les abonnements de l'établissement et la liste de ses enseignants.",
            f"Ce n'est pas exact ? Écrivez-nous à {settings.CONTACT_EMAIL}.",
        ],
        button="Ouvrir Mon compte",
        address=portal_url("mon-compte/"),
    )


def render_replaced(message: Message) -> RenderedEmail:
    """Render the notice of a successor, to the replaced principal."""
    user, other, school = _recipient_other_school(message)
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"{other} vous remplace à la direction : {format_school(school)}",
        paragraphs=[
            (
                f"Depuis sa boîte officielle, l'établissement {format_school(school)} a confirmé que {other}"
                f" (identifiant « {other.username} ») vous remplace."
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


kinds.register(VERIFICATION_REQUEST, label="Direction à confirmer", render=render_verification_request)
kinds.register(VERIFIED, label="Direction vérifiée", render=render_verified)
kinds.register(JOINED, label="Direction partagée", render=render_joined)
kinds.register(REPLACED, label="Direction transmise", render=render_replaced)
