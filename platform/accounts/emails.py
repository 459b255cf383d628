"""E-mails about accounts: their kinds, whom they are about and where they lead; their templates have the words."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from accounts import throttling
from accounts.models import User
from accounts.throttling import CONFIRMATION_BY_EMAIL
from core.links import add_token, build_absolute_url, portal_url
from mailing import kinds
from mailing.email_templates import render_email_template
from mailing.kinds import NoLongerDue, RenderedEmail, format_salutation
from mailing.models import Message
from mailing.operations import NewMessage, enqueue_in_portal


def queue_email(kind: str, recipient: str, *, host: str, at: datetime.datetime, **context: int | str) -> None:
    """Queue an e-mail whose links point to `host`, in the public schema."""
    enqueue_in_portal([NewMessage(kind, recipient, context={**context, "host": clean_host(host)})], at=at)


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


def _find_user(message: Message) -> tuple[User, str]:
    return User.objects.get(pk=message.context["user"]), ""


def _find_unconfirmed(message: Message) -> tuple[User, str]:
    """Return the account and the token that confirms its address. Raises `NoLongerDue` where there is none to."""
    address = EmailAddress.objects.select_related("user").filter(pk=message.context["address"]).first()
    if address is None or address.verified or address.email.lower() != message.recipient.lower():
        raise NoLongerDue("L'adresse est déjà confirmée, ou n'est plus celle du compte.")
    return address.user, EmailConfirmationHMAC(address).key


def _find_resetting(message: Message) -> tuple[User, str]:
    """Return the account and the token that resets its password. Raises `NoLongerDue`."""
    user = User.objects.filter(pk=message.context["user"], is_active=True).first()
    if user is None or user.email.lower() != message.recipient.lower():
        raise NoLongerDue("Le compte n'est plus actif, ou a une autre adresse.")
    return user, f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"


@dataclass(frozen=True, slots=True)
class AccountEmail:
    """A kind of e-mail about an account: its label, and the page behind its button, if it has one."""

    label: str
    page: str = ""
    #: At the portal, whatever host it was caused at.
    is_at_portal: bool = False
    #: Pages behind its items, in their order.
    links: tuple[str, ...] = ()
    #: Returns the account, and the token of the button's link, if any. Raises `NoLongerDue`.
    find: Callable[[Message], tuple[User, str]] = _find_user
    is_by_hand: bool = False


def render_account_email(email: AccountEmail, template: str, message: Message) -> RenderedEmail:
    """Render the message for sending, from its context and the account as it is now. Raises `NoLongerDue`."""
    user, token = email.find(message)
    host = message.context["host"]
    if email.is_at_portal:
        address = portal_url(reverse(email.page, urlconf=settings.PUBLIC_SCHEMA_URLCONF))
    else:
        address = build_absolute_url(host, reverse(email.page)) if email.page else ""
    return render_email_template(
        template,
        {**message.context, "user": user},
        address=add_token(address, token) if token else address,
        links=[build_absolute_url(host, reverse(page)) for page in email.links],
        greeting=format_salutation(user.first_name),
    )


_CONFIRM_PAGE, _RESET_PAGE = "account_confirm_email", "account_reset_password_from_key"
_EMAILS = {
    CONFIRM: AccountEmail("Adresse à confirmer", _CONFIRM_PAGE, find=_find_unconfirmed, is_by_hand=True),
    CONFIRM_NEW_ADDRESS: AccountEmail(
        "Nouvelle adresse à confirmer", _CONFIRM_PAGE, find=_find_unconfirmed, is_by_hand=True
    ),
    ADDRESS_CHANGE_REQUESTED: AccountEmail("Changement d'adresse demandé", "my_account", is_at_portal=True),
    ADDRESS_CHANGED: AccountEmail("Adresse changée", "contact", is_at_portal=True),
    CREATED: AccountEmail("Compte créé sur invitation", "account_login"),
    RESET: AccountEmail("Mot de passe oublié", _RESET_PAGE, find=_find_resetting, is_by_hand=True),
    PASSWORD_CHANGED: AccountEmail("Mot de passe modifié", "account_reset_password"),
    SECOND_FACTOR_ON: AccountEmail("Double authentification activée", "mfa_index"),
    SECOND_FACTOR_OFF: AccountEmail("Double authentification désactivée", "mfa_index"),
    RECOVERY_CODES: AccountEmail("Nouveaux codes de secours", "mfa_index"),
    TOTP_REMOVED: AccountEmail("Application d'authentification retirée", "mfa_index"),
    PASSKEY_ADDED: AccountEmail("Appareil de connexion enregistré", "mfa_index", links=("account_devices",)),
    PASSKEY_REMOVED: AccountEmail("Appareil de connexion retiré", "mfa_index"),
    CODES_TRIED: AccountEmail(
        "Codes essayés sur un appareil inconnu", links=("account_reset_password", "account_devices")
    ),
}
for _kind, _email in _EMAILS.items():
    _template = f"accounts/emails/{_kind.removeprefix('account.')}.txt"
    _render = partial(render_account_email, _email, _template)
    kinds.register(_kind, label=_email.label, render=_render, is_by_hand=_email.is_by_hand)
