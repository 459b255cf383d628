"""Personal data of an account: its changes, its export, its erasure.

Erasing keeps the row, which orders, keys and audit entries refer to, without its personal data.
"""

import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from accounts import account_journal, attempt_delays, emails, known_origins, throttling
from accounts.devices import SIGNED_IN_FROM
from accounts.emails import is_confirmation_allowed, queue_email, queue_email_to_user
from accounts.models import AccountEvent, EnrolmentCode, KnownOrigin, User, lock_account
from accounts.sessions import Session
from accounts.throttling import NEW_ADDRESS
from core.exceptions import DomainError
from mailing import personal_data as outbox

# Change of an account's e-mail address: the old one stays until the new one is confirmed.
#
# A typing mistake locks nobody out: signing in and password resets use the confirmed address. The old address is
# notified when the change is requested, and again when it is confirmed.


@transaction.atomic
def request_change(*, user: User, email: str, host: str, at: datetime.datetime) -> EmailAddress | None:
    """E-mail a confirmation link to the new address, notify the old one, and return the pending address.

    It replaces an earlier pending address. Requesting the account's current address cancels the change and returns
    None. Beyond the hourly limit of a mailbox nothing is sent to it.

    Raises `throttling.RateLimitExceeded` after too many requests.
    """
    lock_account(user.pk)
    email = email.strip().lower()
    if email == user.email.lower():
        _delete_pending(user)
        return None
    throttling.count_attempts([(NEW_ADDRESS, str(user.pk))], at=at)
    pending = EmailAddress.objects.filter(user_id=user.pk, verified=False, primary=False, email=email).first()
    if pending is None:
        _delete_pending(user)
        pending = EmailAddress.objects.create(user_id=user.pk, email=email, verified=False, primary=False)
        queue_email_to_user(user, emails.ADDRESS_CHANGE_REQUESTED, host=host, at=at)
    if is_confirmation_allowed(email, at=at):
        queue_email(emails.CONFIRM_NEW_ADDRESS, email, host=host, at=at, address=pending.pk, user=user.pk)
    return pending


@transaction.atomic
def cancel_change(*, user: User) -> bool:
    """Cancel the pending change, so that its link stops working; return whether there was one."""
    lock_account(user.pk)
    return _delete_pending(user)


def _delete_pending(user: User) -> bool:
    deleted, _ = EmailAddress.objects.filter(user_id=user.pk, verified=False, primary=False).delete()
    return bool(deleted)


@transaction.atomic
def update_personal_details(
    *,
    user: User,
    last_name: str,
    first_name: str,
    phone: str,
    email: str,
    new_password: str,
    host: str,
    at: datetime.datetime,
) -> None:
    """Save a user's details, and their new password if any; another address has to be confirmed first.

    Raises `throttling.RateLimitExceeded` after too many requests of another address, having changed nothing.
    """
    former_name = str(User.objects.get(pk=user.pk))
    user.last_name, user.first_name, user.phone = last_name, first_name, phone
    user.save(update_fields=["last_name", "first_name", "phone"])
    account_journal.record_renaming(user, former_name=former_name, at=at)
    if new_password:
        user.set_password(new_password)
        user.save(update_fields=["password"])
        account_journal.record_event(AccountEvent.Action.PASSWORD_CHANGED, user=user, at=at)
        queue_email(emails.PASSWORD_CHANGED, user.email, host=host, at=at, user=user.pk)
    if email.lower() != user.email.lower():
        request_change(user=user, email=email, host=host, at=at)


#: French labels of the kinds of authenticator.
FACTOR_LABELS: dict[str, str] = {
    Authenticator.Type.TOTP: "application d'authentification",
    Authenticator.Type.RECOVERY_CODES: "codes de secours",
    Authenticator.Type.WEBAUTHN: "appareil de connexion",
}


class OperatorAccountNotClosable(DomainError):
    """The account is the operator's, which no page closes."""

    code = "operator_account"


def explain_closure_refusal(user: User) -> str:
    """Return why the account cannot be closed, as a French sentence; empty where it can."""
    if not (user.is_staff or user.is_superuser):
        return ""
    return "Ce compte est celui de l'exploitation du site : il ne se supprime pas d'ici."


def list_email_addresses(user: User) -> set[str]:
    """Return the account's address and those that it has yet to confirm."""
    return {user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)} - {""}


def erase_account(user: User, *, at: datetime.datetime) -> None:
    """Erase the account's personal data. Repeating it erases later additions, and keeps the date.

    The account can no longer sign in: its former username, its password and its sessions at all hosts are removed.
    """
    if user.erased_at is None:
        account_journal.record_event(AccountEvent.Action.CLOSED, user=user, at=at)
    addresses = list(EmailAddress.objects.filter(user=user).values_list("pk", flat=True))
    outbox.anonymise(outbox.filter_by_user(user.pk) | outbox.filter_by_context(emails.CONFIRM, "address", addresses))
    EmailAddress.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    EnrolmentCode.objects.filter(user=user).delete()
    Session.objects.filter(account=user.pk).delete()
    known_origins.forget([attempt_delays.get_owner(user).key])
    user.groups.clear()
    user.user_permissions.clear()
    user.username = _build_erased_username(user)
    user.first_name = user.last_name = user.email = user.phone = ""
    user.last_login = None
    user.is_active = False
    user.password = make_password(None)
    user.erased_at = user.erased_at or at
    user.save()
    # The Django admin's log contains the account's name.
    LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk)).update(
        object_repr=str(user)
    )


def export_personal_data(user: User) -> dict[str, Any]:
    """Return the personal data of the account, under French keys. Five queries."""
    return {
        "identifiant": user.username,
        "profil": user.get_profile_display(),
        "nom": user.last_name,
        "prénom": user.first_name,
        "adresse e-mail": user.email,
        "téléphone": user.phone,
        "compte créé le": user.date_joined,
        "dernière connexion": user.last_login,
        "adresses e-mail du compte": [
            {"adresse": one.email, "confirmée": one.verified, "principale": one.primary}
            for one in EmailAddress.objects.filter(user=user).order_by("pk")
        ],
        "double authentification": [
            {
                "moyen": FACTOR_LABELS.get(one.type, one.type),
                "activé le": one.created_at,
                "dernier usage": one.last_used_at,
            }
            for one in Authenticator.objects.filter(user=user).order_by("pk")
        ],
        "sessions ouvertes": [
            {"valable jusqu'au": row.expire_date, "réseau": network, "navigateur": browser}
            for row in Session.objects.filter(account=user.pk).order_by("expire_date")
            for network, browser in [row.get_decoded().get(SIGNED_IN_FROM, ("", ""))]
        ],
        "appareils connus": [
            {"navigateur": device.browser, "dernière connexion": device.seen_at}
            for device in KnownOrigin.objects.filter(
                owner=attempt_delays.get_owner(user).key, kind=KnownOrigin.Kind.DEVICE
            ).order_by("-seen_at")
        ],
        "journal du compte": [
            {"date": event.at, "événement": event.summary, "site": event.host, "adresse IP": event.address}
            for event in AccountEvent.objects.filter(account_id=user.pk).order_by("pk")
        ],
    }


def _build_erased_username(user: User) -> str:
    """Return the username of an erased account; its former one becomes free."""
    name = f"supprime-{user.pk}"
    taken = User.objects.filter(username__iexact=name).exclude(pk=user.pk).exists()
    # An older account may have this username; a colon is not allowed in usernames that users choose.
    return f"supprime:{user.pk}" if taken else name
