"""The e-mails of the office, rendered when they are sent, from the data of that moment."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from collectivities.models import SECOND_FACTOR_RULE_TOPIC, Invitation, list_role_labels
from collectivities.queries import get_office_settings
from core.connections import connection
from core.formatting import collectivity_forms, long_moment, start_sentence
from core.links import add_token, portal_url
from mailing import kinds
from mailing.kinds import PRODUCT_SENTENCE, NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from tenants.models import Collectivity, OfficeRequest

_MASKED = "●●●●●●●●"


def _topic_id(message: Message) -> int:
    """Return the id of the object that the message is about; every kind of this module has one."""
    if message.topic_id is None:
        raise ValueError(f"A message of kind {message.kind} needs a topic_id.")
    return message.topic_id


def _render_invitation(message: Message, *, masked: bool) -> RenderedEmail:
    invitation = Invitation.objects.get(pk=_topic_id(message))
    collectivity = Collectivity.objects.get(schema_name=connection.schema_name)
    inviter = User.objects.filter(pk=invitation.invited_by_id).first() if invitation.invited_by_id else None
    expires_at = long_moment(timezone.localtime(invitation.expires_at))
    roles = list_role_labels(invitation.roles)
    token = _MASKED if masked else invitation.link_token
    rendered = render_email(
        subject=f"{start_sentence(collectivity_forms(collectivity.name).the)} vous invite dans son bureau Pep's",
        paragraphs=[
            (
                f"{f'{inviter} vous invite' if inviter else 'Vous avez une invitation'} à rejoindre le bureau Pep's "
                f"« {collectivity.name} », avec {'le rôle' if len(roles) == 1 else 'les rôles'} : {', '.join(roles)}."
            ),
            (
                f"{PRODUCT_SENTENCE} Le bureau est l'endroit où votre collectivité attribue ses licences aux écoles et "
                "suit leur utilisation."
            ),
            (
                "Pour créer votre accès, ou entrer avec le compte Pep's qui a déjà cette adresse, ouvrez ce lien. Il "
                f"sert une seule fois et reste valable jusqu'au {expires_at}."
            ),
        ],
        button="Rejoindre le bureau",
        address=add_token(collectivity.office_url(reverse("invitation", urlconf=settings.ROOT_URLCONF)), token),
        notes=[
            f"Ensuite, l'adresse de votre bureau sera : {collectivity.office_url()}",
            "Si vous ne vous attendiez pas à ce message, ne faites rien : l'invitation expirera d'elle-même.",
        ],
    )
    return replace(rendered, from_name=f"Pep's – {collectivity.name}", reply_to=get_office_settings().reply_to)


def render_invitation(message: Message) -> RenderedEmail:
    """Render an invitation to the office. Raises `NoLongerDue` where it is no longer valid."""
    if not Invitation.objects.get(pk=_topic_id(message)).is_valid(timezone.now()):
        raise NoLongerDue("L'invitation a été retirée, a expiré ou a déjà servi.")
    return _render_invitation(message, masked=False)


def render_invitation_preview(message: Message) -> RenderedEmail:
    """Render an invitation with the token of its link masked."""
    return _render_invitation(message, masked=True)


def render_office_requested(message: Message) -> RenderedEmail:
    """Render the acknowledgement of a request for an office."""
    request = OfficeRequest.objects.get(pk=_topic_id(message))
    rendered = render_email(
        subject="Votre demande de bureau Pep's est bien reçue",
        # Nothing that was typed: the mailbox may be a stranger's.
        paragraphs=[
            (f"Nous avons bien reçu la demande de bureau Pep's pour la collectivité de SIREN {request.siren}."),
            (
                "Nous la vérifions, puis nous vous écrivons à cette adresse : soit une invitation à entrer dans votre "
                "bureau, soit la raison pour laquelle nous ne pouvons pas l'ouvrir."
            ),
        ],
        notes=[
            "Une question, ou une précision à donner ? Répondez à cet e-mail.",
            "Si vous n'êtes pas à l'origine de cette demande, ne faites rien.",
        ],
    )
    return replace(rendered, reply_to=settings.CONTACT_EMAIL)


def render_office_request_arrived(message: Message) -> RenderedEmail:
    """Render the notification of a new request, for the operator."""
    request = OfficeRequest.objects.get(pk=_topic_id(message))
    details = [
        f"Collectivité : {request.name} ({request.get_kind_display()})",
        f"SIREN : {request.siren}",
        f"Demandeur : {request.applicant}{f', {request.role}' if request.role else ''}",
        f"Adresse : {request.email}",
        *([f"Téléphone : {request.phone}"] if request.phone else []),
    ]
    rendered = render_email(
        subject=f"Demande de bureau : {request.name}",
        paragraphs=[
            "Une demande de bureau attend votre décision.",
            "\n".join(details),
            *([request.message] if request.message else []),
        ],
        button="L'accepter ou la refuser",
        address=portal_url(f"/admin/tenants/officerequest/{request.pk}/change/"),
    )
    return replace(rendered, reply_to=request.email)


def render_office_declined(message: Message) -> RenderedEmail:
    """Render the refusal of a request, with its reason, for the applicant."""
    request = OfficeRequest.objects.get(pk=_topic_id(message))
    return render_email(
        subject="Votre demande de bureau Pep's",
        greeting=format_salutation(request.applicant),
        paragraphs=[f"Nous ne pouvons pas ouvrir le bureau Pep's demandé pour {request.name} :", request.reason],
        button="Nous écrire",
        address=portal_url("/contact/"),
    )


def render_second_factor_rule(message: Message) -> RenderedEmail:
    """Render the notice that a manager switched the required second factor on or off, for the other managers."""
    actor = User.objects.get(pk=_topic_id(message))
    collectivity = Collectivity.objects.get(schema_name=connection.schema_name)
    who = f"{actor} (identifiant « {actor.username} »)"
    if message.context["needed"]:
        subject = f"La double authentification est demandée dans le bureau {collectivity.name}"
        paragraphs = [
            f"{who} vient de demander la double authentification aux gestionnaires et aux acheteurs du bureau.",
            "Qui ne l'a pas encore sera conduit à l'activer avant toute autre page : deux minutes suffisent.",
        ]
    else:
        subject = f"La double authentification n'est plus demandée dans le bureau {collectivity.name}"
        paragraphs = [
            f"{who} vient de lever l'obligation de la double authentification pour les gestionnaires et les acheteurs.",
            (
                "Un mot de passe volé suffit donc de nouveau pour entrer à la place de qui n'a rien activé. Si ce "
                "n'est pas voulu, redemandez-la dans « Réglages », et voyez avec cette personne si c'est bien elle."
            ),
        ]
    return render_email(
        subject=subject,
        paragraphs=paragraphs,
        button="Ouvrir les réglages",
        address=collectivity.office_url("/reglages/"),
        notes=["Les gestionnaires du bureau reçoivent ce message."],
    )


kinds.register(
    SECOND_FACTOR_RULE_TOPIC, label="Double authentification demandée ou non", render=render_second_factor_rule
)
kinds.register(
    "invitation",
    label="Invitation au bureau",
    render=render_invitation,
    preview=render_invitation_preview,
    is_by_hand=True,
)
kinds.register("office_requested", label="Accusé de réception d'une demande de bureau", render=render_office_requested)
kinds.register("office_request_arrived", label="Demande de bureau à traiter", render=render_office_request_arrived)
kinds.register("office_declined", label="Refus d'une demande de bureau", render=render_office_declined)
