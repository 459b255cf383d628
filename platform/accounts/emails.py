"""E-mails about accounts: their kinds, what they say, and how they are queued."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse
from django_tenants.utils import get_public_schema_name, schema_context

from accounts import throttling
from accounts.models import User
from accounts.throttling import CONFIRMATION_BY_EMAIL
from core.links import add_token, build_absolute_url, portal_url
from mailing import kinds
from mailing.kinds import EmailItem, NoLongerDue, RenderedEmail, format_salutation, render_email
from mailing.models import Message
from mailing.operations import enqueue


def queue_email(kind: str, recipient: str, *, host: str, at: datetime.datetime, **context: int | str) -> None:
    """Queue an e-mail whose links point to `host`, in the public schema."""
    with schema_context(get_public_schema_name()):
        enqueue(kind=kind, recipient=recipient, at=at, context={**context, "host": clean_host(host)})


def clean_host(host: str) -> str:
    """Return the host that a request was made to as links name it: without port and final dot, in lower case."""
    return host.partition(":")[0].rstrip(".").lower()


def is_confirmation_allowed(mailbox: str, *, at: datetime.datetime) -> bool:
    """Count one request to confirm this mailbox; return whether it may be written to."""
    try:
        throttling.count_attempts([(CONFIRMATION_BY_EMAIL, mailbox.strip().lower())], at=at)
    except throttling.RateLimitExceeded:
        return False
    return True


def queue_email_to_user(user: User, kind: str, *, host: str, at: datetime.datetime) -> None:
    """Queue an e-mail to the account's own address; do nothing where it has none."""
    if user.email:
        queue_email(kind, user.email, host=host, at=at, user=user.pk)


CONFIRM = "account.confirm"
# Change of address: to the new address, then to the former one on request and on completion.
CONFIRM_NEW_ADDRESS = "account.confirm_new"
ADDRESS_CHANGE_REQUESTED = "account.address_change_requested"
ADDRESS_CHANGED = "account.address_changed"
CREATED = "account.created"
RESET = "account.reset"
PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - a kind of e-mail
SECOND_FACTOR_ON = "account.second_factor_on"
SECOND_FACTOR_OFF = "account.second_factor_off"
RECOVERY_CODES = "account.recovery_codes"
TOTP_REMOVED = "account.totp_removed"
PASSKEY_ADDED = "account.passkey_added"
PASSKEY_REMOVED = "account.passkey_removed"
CODES_TRIED = "account.codes_tried"


_NOT_YOU_NOTICE = (
    "Ce n'est pas vous ? Changez votre mot de passe sans attendre (« Mot de passe oublié » à la page de connexion), "
    "puis écrivez-nous."
)


def render_confirmation(message: Message) -> RenderedEmail:
    """Ask to confirm the address of a new account, and give its username, which the page does not."""
    address = _get_unconfirmed_address(message)
    username = address.user.username
    if message.context.get("another"):
        intro = (
            "Votre compte Pep's est créé. L'identifiant que vous aviez choisi n'était pas libre : le vôtre est "
            f"« {username} ». C'est avec lui que vous vous connecterez."
        )
    else:
        intro = f"Votre compte Pep's est créé. Votre identifiant est « {username} »."
    pending = message.context.get("pending")
    return render_email(
        greeting=format_salutation(address.user.first_name),
        subject="Confirmez votre adresse e-mail",
        paragraphs=[
            intro,
            "Confirmez que cette adresse est bien la vôtre : le compte sera aussitôt utilisable.",
            *([f"{pending} Vous y reviendrez en vous connectant dans le même navigateur."] if pending else []),
        ],
        button="Confirmer mon adresse",
        address=_build_confirmation_url(message, address),
        notes=["Ce lien vaut 3 jours. Vous n'avez rien demandé ? Ignorez cet e-mail : le compte restera fermé."],
    )


def render_new_address_confirmation(message: Message) -> RenderedEmail:
    """Ask to confirm the new address of an account."""
    address = _get_unconfirmed_address(message)
    return render_email(
        greeting=format_salutation(address.user.first_name),
        subject="Confirmez votre nouvelle adresse e-mail",
        paragraphs=[
            f"Cette adresse a été donnée comme nouvelle adresse du compte Pep's « {address.user.username} ».",
            "Confirmez qu'elle est bien la vôtre : les e-mails du compte y arriveront désormais.",
        ],
        button="Confirmer ma nouvelle adresse",
        address=_build_confirmation_url(message, address),
        notes=["Ce lien vaut 3 jours. Vous n'avez rien demandé ? Ignorez cet e-mail : rien ne changera."],
    )


def render_address_change_requested(message: Message) -> RenderedEmail:
    """Notify the current address that a change of address was requested."""
    user = User.objects.get(pk=message.context["user"])
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"Changement d'adresse demandé pour le compte « {user.username} »",
        paragraphs=[
            f"Une autre adresse e-mail a été demandée pour le compte « {user.username} ».",
            "Tant qu'elle n'est pas confirmée, rien ne change : les e-mails du compte arrivent toujours ici.",
        ],
        button="Voir « Mon compte »",
        address=portal_url(reverse("my_account", urlconf=settings.PUBLIC_SCHEMA_URLCONF)),
        notes=[_NOT_YOU_NOTICE],
    )


def render_address_changed(message: Message) -> RenderedEmail:
    """Notify the former address that the account now has another one."""
    user = User.objects.get(pk=message.context["user"])
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"L'adresse du compte « {user.username} » a changé",
        paragraphs=[
            f"Le compte « {user.username} » a désormais une autre adresse e-mail, qui vient d'être confirmée.",
            "Ses e-mails n'arriveront plus ici.",
        ],
        button="Ce n'est pas moi : écrire à Pep's",
        address=portal_url(reverse("contact", urlconf=settings.PUBLIC_SCHEMA_URLCONF)),
    )


def render_account_created(message: Message) -> RenderedEmail:
    """Give the username of an account created from an invitation."""
    user = User.objects.get(pk=message.context["user"])
    return render_email(
        greeting=format_salutation(user.first_name),
        subject="Votre compte Pep's est créé",
        paragraphs=[f"Votre compte Pep's est créé. Votre identifiant, pour vous connecter, est « {user.username} »."],
        button="Connexion",
        address=build_absolute_url(message.context["host"], reverse("account_login")),
    )


def _get_unconfirmed_address(message: Message) -> EmailAddress:
    """Return the address to confirm. Raises `NoLongerDue` where there is nothing to confirm."""
    address = EmailAddress.objects.select_related("user").filter(pk=message.context["address"]).first()
    if address is None or address.verified or address.email.lower() != message.recipient.lower():
        raise NoLongerDue("L'adresse est déjà confirmée, ou n'est plus celle du compte.")
    return address


def _build_confirmation_url(message: Message, address: EmailAddress) -> str:
    page = build_absolute_url(message.context["host"], reverse("account_confirm_email"))
    return add_token(page, EmailConfirmationHMAC(address).key)


def render_password_reset(message: Message) -> RenderedEmail:
    """Send the password reset link, naming the account: several may share an address."""
    user = User.objects.filter(pk=message.context["user"], is_active=True).first()
    if user is None or user.email.lower() != message.recipient.lower():
        raise NoLongerDue("Le compte n'est plus actif, ou a une autre adresse.")
    token = default_token_generator.make_token(user)
    page = build_absolute_url(message.context["host"], reverse("account_reset_password_from_key"))
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"Nouveau mot de passe pour le compte « {user.username} »",
        paragraphs=[
            (
                f"Un nouveau mot de passe a été demandé pour le compte de {user}, dont l'identifiant est "
                f"« {user.username} »."
            ),
        ],
        button="Choisir un nouveau mot de passe",
        address=add_token(page, f"{user_pk_to_url_str(user)}-{token}"),
        notes=[
            (
                "Ce lien vaut 3 jours et ne sert qu'une fois. Vous n'avez rien demandé ? Ignorez cet e-mail : "
                "votre mot de passe reste le même."
            )
        ],
    )


def render_password_changed(message: Message) -> RenderedEmail:
    """Notify that the password was changed, and what to do if somebody else did it."""
    user = User.objects.get(pk=message.context["user"])
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"Le mot de passe du compte « {user.username} » a été modifié",
        paragraphs=[
            f"Le mot de passe du compte « {user.username} » vient d'être modifié.",
            "Si ce n'est pas vous, choisissez-en un nouveau sans attendre.",
        ],
        button="Choisir un nouveau mot de passe",
        address=build_absolute_url(message.context["host"], reverse("account_reset_password")),
    )


def render_second_factor_enabled(message: Message) -> RenderedEmail:
    """Notify that the second factor was enabled."""
    user = User.objects.get(pk=message.context["user"])
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"La double authentification du compte « {user.username} » est activée",
        paragraphs=[
            (
                f"Pour se connecter au compte « {user.username} », il faut désormais le mot de passe, puis un code de "
                "l'application d'authentification. Les autres appareils ont été déconnectés."
            ),
            "Gardez vos codes de secours en lieu sûr : ils remplacent l'application si vous perdez votre téléphone.",
        ],
        button="Voir la double authentification",
        address=build_absolute_url(message.context["host"], reverse("mfa_index")),
        notes=[_NOT_YOU_NOTICE],
    )


def render_second_factor_disabled(message: Message) -> RenderedEmail:
    """Notify that the second factor was disabled."""
    user = User.objects.get(pk=message.context["user"])
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"La double authentification du compte « {user.username} » est désactivée",
        paragraphs=[
            f"Le mot de passe suffit désormais pour se connecter au compte « {user.username} ».",
            "Vous pouvez la réactiver à tout moment.",
        ],
        button="Réactiver la double authentification",
        address=build_absolute_url(message.context["host"], reverse("mfa_index")),
        notes=[_NOT_YOU_NOTICE],
    )


def _render_factor_notice(
    message: Message, *, subject: str, what_happened: str, items: Sequence[EmailItem] = ()
) -> RenderedEmail:
    user = User.objects.get(pk=message.context["user"])
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"{subject} « {user.username} »",
        paragraphs=[what_happened, "Les autres appareils ont été déconnectés."],
        items=items,
        button="Voir la double authentification",
        address=build_absolute_url(message.context["host"], reverse("mfa_index")),
        notes=[_NOT_YOU_NOTICE],
    )


def render_totp_removed(message: Message) -> RenderedEmail:
    """Notify that the application's codes no longer work, where a passkey still protects the account."""
    return _render_factor_notice(
        message,
        subject="Application d'authentification retirée du compte",
        what_happened="Les codes de l'application ne servent plus : la connexion demande l'un de vos appareils.",
    )


def render_passkey_added(message: Message) -> RenderedEmail:
    """Notify that a passkey was added."""
    return _render_factor_notice(
        message,
        subject="Nouvel appareil de connexion pour le compte",
        what_happened=(
            "Un ordinateur, un téléphone ou une clé USB vient d'être enregistré : il permet d'entrer dans ce compte. "
            "Gardez aussi vos codes de secours en lieu sûr, pour le jour où vous ne l'aurez pas sous la main."
        ),
        items=[
            EmailItem(
                "Pour voir les appareils qui sont connectés à ce compte, et les fermer :",
                build_absolute_url(message.context["host"], reverse("account_devices")),
                "Mes appareils",
            )
        ],
    )


def render_passkey_removed(message: Message) -> RenderedEmail:
    """Notify that a passkey was removed, where another factor still protects the account."""
    return _render_factor_notice(
        message,
        subject="Appareil de connexion retiré du compte",
        what_happened="Un appareil de connexion vient d'être retiré : il ne permet plus d'entrer dans ce compte.",
    )


def render_codes_tried(message: Message) -> RenderedEmail:
    """Notify that somebody who has the password tries codes on an unknown device, and what to do."""
    user = User.objects.get(pk=message.context["user"])
    host = message.context["host"]
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"Quelqu'un connaît le mot de passe du compte « {user.username} »",
        paragraphs=[
            (
                f"Sur un appareil qui n'est pas des vôtres, quelqu'un a saisi le bon mot de passe du compte "
                f"« {user.username} », puis plusieurs codes de double authentification. Aucun n'était bon : cette "
                "personne n'est pas entrée, mais elle connaît votre mot de passe."
            ),
            (
                "C'était vous, sur un appareil que vous n'aviez jamais utilisé ? Il n'y a rien à faire : vérifiez "
                "seulement que l'horloge de votre téléphone est à l'heure."
            ),
            "Sinon, sans attendre :",
        ],
        items=[
            EmailItem(
                "changez votre mot de passe, ici et sur tout autre site où vous avez le même ;",
                build_absolute_url(host, reverse("account_reset_password")),
                "Choisir un nouveau mot de passe",
            ),
            EmailItem(
                "regardez quels appareils sont connectés à votre compte, et fermez ce que vous ne reconnaissez pas.",
                build_absolute_url(host, reverse("account_devices")),
                "Mes appareils",
            ),
        ],
        notes=[
            "Ne donnez vos codes à personne, ni par téléphone ni par e-mail : Pep's ne les demande jamais.",
            "Vous pouvez continuer à vous connecter depuis vos appareils habituels : ces essais ne les bloquent pas.",
        ],
    )


def render_recovery_codes_renewed(message: Message) -> RenderedEmail:
    """Notify that the recovery codes were renewed; the e-mail contains none."""
    user = User.objects.get(pk=message.context["user"])
    return render_email(
        greeting=format_salutation(user.first_name),
        subject=f"Nouveaux codes de secours pour le compte « {user.username} »",
        paragraphs=[
            f"De nouveaux codes de secours ont été créés pour le compte « {user.username} ».",
            "Les anciens ne servent plus à rien : jetez-les, et gardez les nouveaux en lieu sûr.",
        ],
        button="Voir la double authentification",
        address=build_absolute_url(message.context["host"], reverse("mfa_index")),
        notes=[_NOT_YOU_NOTICE],
    )


kinds.register(CONFIRM, label="Adresse à confirmer", render=render_confirmation, is_by_hand=True)
kinds.register(
    CONFIRM_NEW_ADDRESS,
    label="Nouvelle adresse à confirmer",
    render=render_new_address_confirmation,
    is_by_hand=True,
)
kinds.register(ADDRESS_CHANGE_REQUESTED, label="Changement d'adresse demandé", render=render_address_change_requested)
kinds.register(ADDRESS_CHANGED, label="Adresse changée", render=render_address_changed)
kinds.register(CREATED, label="Compte créé sur invitation", render=render_account_created)
kinds.register(RESET, label="Mot de passe oublié", render=render_password_reset, is_by_hand=True)
kinds.register(PASSWORD_CHANGED, label="Mot de passe modifié", render=render_password_changed)
kinds.register(SECOND_FACTOR_ON, label="Double authentification activée", render=render_second_factor_enabled)
kinds.register(SECOND_FACTOR_OFF, label="Double authentification désactivée", render=render_second_factor_disabled)
kinds.register(RECOVERY_CODES, label="Nouveaux codes de secours", render=render_recovery_codes_renewed)
kinds.register(TOTP_REMOVED, label="Application d'authentification retirée", render=render_totp_removed)
kinds.register(PASSKEY_ADDED, label="Appareil de connexion enregistré", render=render_passkey_added)
kinds.register(CODES_TRIED, label="Codes essayés sur un appareil inconnu", render=render_codes_tried)
kinds.register(PASSKEY_REMOVED, label="Appareil de connexion retiré", render=render_passkey_removed)
