"""Letters about accounts. Their links are made when they are sent: the outbox holds no token that opens an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from accounts import letters
from accounts.models import User
from mailing import kinds
from mailing.kinds import NoLongerDue, Rendered
from mailing.letters import hello, letter
from web.addresses import absolute, portal_url

if TYPE_CHECKING:
    from mailing.models import Message


_NOT_YOU = (
    "Ce n'est pas vous ? Changez votre mot de passe sans attendre (« Mot de passe oublié » à la page de connexion), "
    "puis écrivez-nous."
)


def confirm(message: Message) -> Rendered:
    """Ask to confirm the address of a new account, and say its identifiant, which the page did not."""
    address = _unconfirmed(message)
    username = address.user.username
    if message.context.get("another"):
        said = (
            "Votre compte Pep's est créé. L'identifiant que vous aviez choisi n'était pas libre : le vôtre est "
            f"« {username} ». C'est avec lui que vous vous connecterez."
        )
    else:
        said = f"Votre compte Pep's est créé. Votre identifiant est « {username} »."
    return letter(
        greeting=hello(address.user.first_name),
        subject="Confirmez votre adresse e-mail",
        paragraphs=[said, "Confirmez que cette adresse est bien la vôtre : le compte sera aussitôt utilisable."],
        button="Confirmer mon adresse",
        address=_confirmation(message, address),
        notes=["Ce lien vaut 3 jours. Vous n'avez rien demandé ? Ignorez cet e-mail : le compte restera fermé."],
    )


def confirm_new(message: Message) -> Rendered:
    """Ask to confirm the address that an account moves to."""
    address = _unconfirmed(message)
    return letter(
        greeting=hello(address.user.first_name),
        subject="Confirmez votre nouvelle adresse e-mail",
        paragraphs=[
            f"Cette adresse a été donnée comme nouvelle adresse du compte Pep's « {address.user.username} ».",
            "Confirmez qu'elle est bien la vôtre : les e-mails du compte y arriveront désormais.",
        ],
        button="Confirmer ma nouvelle adresse",
        address=_confirmation(message, address),
        notes=["Ce lien vaut 3 jours. Vous n'avez rien demandé ? Ignorez cet e-mail : rien ne changera."],
    )


def address_asked(message: Message) -> Rendered:
    """Tell the address of an account that another one is to take its place."""
    user = User.objects.get(pk=message.context["user"])
    return letter(
        greeting=hello(user.first_name),
        subject=f"Changement d'adresse demandé pour le compte « {user.username} »",
        paragraphs=[
            f"Une autre adresse e-mail a été demandée pour le compte « {user.username} ».",
            "Tant qu'elle n'est pas confirmée, rien ne change : les e-mails du compte arrivent toujours ici.",
        ],
        button="Voir « Mon compte »",
        address=portal_url(reverse("my_account", urlconf=settings.PUBLIC_SCHEMA_URLCONF)),
        notes=[_NOT_YOU],
    )


def address_changed(message: Message) -> Rendered:
    """Tell the address that an account has left; it no longer serves to choose a new password."""
    user = User.objects.get(pk=message.context["user"])
    return letter(
        greeting=hello(user.first_name),
        subject=f"L'adresse du compte « {user.username} » a changé",
        paragraphs=[
            f"Le compte « {user.username} » a désormais une autre adresse e-mail, qui vient d'être confirmée.",
            "Ses e-mails n'arriveront plus ici.",
        ],
        button="Ce n'est pas moi : écrire à Pep's",
        address=portal_url(reverse("contact", urlconf=settings.PUBLIC_SCHEMA_URLCONF)),
    )


def created(message: Message) -> Rendered:
    """Say the identifiant of an account that came by invitation."""
    user = User.objects.get(pk=message.context["user"])
    return letter(
        greeting=hello(user.first_name),
        subject="Votre compte Pep's est créé",
        paragraphs=[f"Votre compte Pep's est créé. Votre identifiant, pour vous connecter, est « {user.username} »."],
        button="Connexion",
        address=absolute(message.context["host"], reverse("account_login")),
    )


def _unconfirmed(message: Message) -> EmailAddress:
    """Return the address a letter asks to confirm. Raises `NoLongerDue` where there is nothing to confirm."""
    address = EmailAddress.objects.select_related("user").filter(pk=message.context["address"]).first()
    if address is None or address.verified or address.email.lower() != message.recipient.lower():
        raise NoLongerDue("L'adresse est déjà confirmée, ou n'est plus celle du compte.")
    return address


def _confirmation(message: Message, address: EmailAddress) -> str:
    path = reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])
    return absolute(message.context["host"], path)


def reset(message: Message) -> Rendered:
    """Lead to a new password, and say for which account: several may share an address."""
    user = User.objects.filter(pk=message.context["user"], is_active=True).first()
    if user is None or user.email.lower() != message.recipient.lower():
        raise NoLongerDue("Le compte n'est plus actif, ou a une autre adresse.")
    token = default_token_generator.make_token(user)
    path = reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), token])
    return letter(
        greeting=hello(user.first_name),
        subject=f"Nouveau mot de passe pour le compte « {user.username} »",
        paragraphs=[
            (
                f"Un nouveau mot de passe a été demandé pour le compte de {user}, dont l'identifiant est "
                f"« {user.username} »."
            ),
        ],
        button="Choisir un nouveau mot de passe",
        address=absolute(message.context["host"], path),
        notes=[
            (
                "Ce lien vaut 3 jours et ne sert qu'une fois. Vous n'avez rien demandé ? Ignorez cet e-mail : "
                "votre mot de passe reste le même."
            )
        ],
    )


def password_changed(message: Message) -> Rendered:
    """Tell the person that the password was changed, and what to do if it was somebody else."""
    user = User.objects.get(pk=message.context["user"])
    return letter(
        greeting=hello(user.first_name),
        subject=f"Le mot de passe du compte « {user.username} » a été modifié",
        paragraphs=[
            f"Le mot de passe du compte « {user.username} » vient d'être modifié.",
            "Si ce n'est pas vous, choisissez-en un nouveau sans attendre.",
        ],
        button="Choisir un nouveau mot de passe",
        address=absolute(message.context["host"], reverse("account_reset_password")),
    )


def second_factor_on(message: Message) -> Rendered:
    """Tell the person that signing in asks for a code from now on."""
    user = User.objects.get(pk=message.context["user"])
    return letter(
        greeting=hello(user.first_name),
        subject=f"La double authentification du compte « {user.username} » est activée",
        paragraphs=[
            (
                f"Pour se connecter au compte « {user.username} », il faut désormais le mot de passe, puis un code de "
                "l'application d'authentification. Les autres appareils ont été déconnectés."
            ),
            "Gardez vos codes de secours en lieu sûr : ils remplacent l'application si vous perdez votre téléphone.",
        ],
        button="Voir la double authentification",
        address=absolute(message.context["host"], reverse("mfa_index")),
        notes=[_NOT_YOU],
    )


def second_factor_off(message: Message) -> Rendered:
    """Tell the person that the password alone opens the account again."""
    user = User.objects.get(pk=message.context["user"])
    return letter(
        greeting=hello(user.first_name),
        subject=f"La double authentification du compte « {user.username} » est désactivée",
        paragraphs=[
            f"Le mot de passe suffit désormais pour se connecter au compte « {user.username} ».",
            "Vous pouvez la réactiver à tout moment.",
        ],
        button="Réactiver la double authentification",
        address=absolute(message.context["host"], reverse("mfa_index")),
        notes=[_NOT_YOU],
    )


def recovery_codes(message: Message) -> Rendered:
    """Tell the person that the recovery codes are others now; the letter holds none."""
    user = User.objects.get(pk=message.context["user"])
    return letter(
        greeting=hello(user.first_name),
        subject=f"Nouveaux codes de secours pour le compte « {user.username} »",
        paragraphs=[
            f"De nouveaux codes de secours ont été créés pour le compte « {user.username} ».",
            "Les anciens ne servent plus à rien : jetez-les, et gardez les nouveaux en lieu sûr.",
        ],
        button="Voir la double authentification",
        address=absolute(message.context["host"], reverse("mfa_index")),
        notes=[_NOT_YOU],
    )


kinds.register(letters.CONFIRM, label="Adresse à confirmer", render=confirm)
kinds.register(letters.CONFIRM_NEW, label="Nouvelle adresse à confirmer", render=confirm_new)
kinds.register(letters.ADDRESS_ASKED, label="Changement d'adresse demandé", render=address_asked)
kinds.register(letters.ADDRESS_CHANGED, label="Adresse changée", render=address_changed)
kinds.register(letters.CREATED, label="Compte créé sur invitation", render=created)
kinds.register(letters.RESET, label="Mot de passe oublié", render=reset)
kinds.register(letters.PASSWORD_CHANGED, label="Mot de passe modifié", render=password_changed)
kinds.register(letters.SECOND_FACTOR_ON, label="Double authentification activée", render=second_factor_on)
kinds.register(letters.SECOND_FACTOR_OFF, label="Double authentification désactivée", render=second_factor_off)
kinds.register(letters.RECOVERY_CODES, label="Nouveaux codes de secours", render=recovery_codes)
