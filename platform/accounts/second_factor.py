"""The second factor of an account: an application's codes (TOTP), passkeys, and recovery codes. Stored by allauth.

Each operation locks the account first, so that concurrent requests are serialised. Adding and removing a factor end all
sessions except the current one: a stolen session does not survive. Recovery codes come with the first factor and go
with the last. Passkeys are added and removed by `accounts.passkeys`.

Each row is bound to its account, its type and what it is checked with, by a text that only a sealing key makes: whoever
writes in the database as the application gives nobody a factor.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.db import transaction
from django.db.models import Exists, F
from django.views.decorators.debug import sensitive_variables

from accounts import account_journal, email_kinds, sealing
from accounts.locks import lock_account
from accounts.models import AccountEvent, User
from accounts.outbox import queue_email_to_user
from core.sealing import UnsealError

#: What protects an account; recovery codes alone do not.
FACTOR_TYPES = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
#: Key of the secret in `Authenticator.data`, by kind. A passkey's data is a public key, which is no secret.
_SECRET_KEYS = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}
_CREDENTIAL = "credential"
#: Of all kinds: whose factor the row is, sealed.
_BINDING = "binding"


class SecondFactorError(Exception):
    """A rule forbids the change; nothing was changed. The message is shown to the user."""

    code = "second_factor_rejected"


def is_enabled(user: User) -> bool:
    """Return whether the account has a second factor."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=FACTOR_TYPES).exists())


def has_second_factor(user_id: Any) -> Exists:
    """Return a queryset condition that the account, given as an `OuterRef`, has a second factor."""
    return Exists(Authenticator.objects.filter(user_id=user_id, type__in=FACTOR_TYPES))


def list_factor_types(user: User) -> set[str]:
    """Return the types of the account's authenticators, recovery codes included."""
    return set(Authenticator.objects.filter(user_id=user.pk).values_list("type", flat=True))


@transaction.atomic
@sensitive_variables("secret")
def enable(*, user: User, secret: str, host: str, at: datetime.datetime) -> None:
    """Enable an application's codes, create recovery codes and notify the user. Raises `SecondFactorError`."""
    lock_account(user.pk)
    if Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists():
        raise SecondFactorError("Une application d'authentification est déjà reliée à ce compte.")
    bind(TOTP.activate(user, secret).instance)
    finish_addition(user)
    account_journal.record_event(AccountEvent.Action.SECOND_FACTOR_ON, user=user, at=at)
    queue_email_to_user(user, email_kinds.SECOND_FACTOR_ON, host=host, at=at)


@transaction.atomic
def disable(*, user: User, host: str, at: datetime.datetime, by: User | None = None) -> bool:
    """Delete every second factor and the recovery codes, notify the user; return whether there was one.

    `by`: the operator who does it for the user.
    """
    lock_account(user.pk)
    was_enabled = is_enabled(user)
    Authenticator.objects.filter(user_id=user.pk).delete()
    if was_enabled:
        end_other_sessions(user)
        account_journal.record_event(AccountEvent.Action.SECOND_FACTOR_OFF, user=user, at=at, by=by)
        queue_email_to_user(user, email_kinds.SECOND_FACTOR_OFF, host=host, at=at)
    return was_enabled


@transaction.atomic
def remove_application(*, user: User, host: str, at: datetime.datetime) -> bool:
    """Delete the application's secret and notify the user; return whether there was one."""
    lock_account(user.pk)
    removed, _ = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).delete()
    if removed:
        account_journal.record_event(AccountEvent.Action.TOTP_REMOVED, user=user, at=at)
        finish_removal(user, email_kind=email_kinds.TOTP_REMOVED, host=host, at=at)
    return bool(removed)


def finish_addition(user: User) -> None:
    """Create recovery codes unless there are some, and end the other sessions."""
    if not Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).exists():
        bind(RecoveryCodes.activate(user).instance)
    end_other_sessions(user)


def finish_removal(user: User, *, email_kind: str, host: str, at: datetime.datetime) -> None:
    """End the other sessions and notify the user; after the last factor, delete the recovery codes too.

    `email_kind`: the notice where another factor is left.
    """
    end_other_sessions(user)
    if is_enabled(user):
        queue_email_to_user(user, email_kind, host=host, at=at)
        return
    Authenticator.objects.filter(user_id=user.pk).delete()
    account_journal.record_event(AccountEvent.Action.SECOND_FACTOR_OFF, user=user, at=at)
    queue_email_to_user(user, email_kinds.SECOND_FACTOR_OFF, host=host, at=at)


@transaction.atomic
def renew_recovery_codes(*, user: User, host: str, at: datetime.datetime) -> None:
    """Replace the recovery codes and notify the user. Raises `SecondFactorError`."""
    lock_account(user.pk)
    if not is_enabled(user):
        raise SecondFactorError(
            "Les codes de secours accompagnent la double authentification : activez-la d'abord, ils seront créés avec."
        )
    Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).delete()
    bind(RecoveryCodes.activate(user).instance)
    account_journal.record_event(AccountEvent.Action.RECOVERY_CODES, user=user, at=at)
    queue_email_to_user(user, email_kinds.RECOVERY_CODES, host=host, at=at)


@transaction.atomic
def reseal(*, after: int = 0, size: int = 500) -> tuple[int, int]:
    """Reseal the next batch under the current key; return its size and last primary key (0: none left).

    Raises `UnsealError`.
    """
    rows = list(Authenticator.objects.select_for_update(no_key=True).filter(pk__gt=after).order_by("pk")[:size])
    for row in rows:
        for key in (_SECRET_KEYS.get(Authenticator.Type(row.type)), _BINDING):
            if key in row.data:
                row.data[key] = sealing.reseal_secret(row.data[key])
    Authenticator.objects.bulk_update(rows, ["data"])
    return len(rows), rows[-1].pk if rows else 0


def bind(factor: Authenticator) -> None:
    """Say in a new row, under a sealing key, whose factor it is."""
    factor.data[_BINDING] = sealing.seal(_describe_binding(factor))
    factor.save(update_fields=["data"])


def is_bound(factor: Authenticator) -> bool:
    """Return whether the row is what this account was given: False where it was written or moved in the database."""
    try:
        return sealing.unseal(factor.data.get(_BINDING, "")) == _describe_binding(factor)
    except UnsealError:
        return False


def _describe_binding(factor: Authenticator) -> str:
    secret_key = _SECRET_KEYS.get(Authenticator.Type(factor.type))
    checked_with = sealing.unseal(factor.data[secret_key]) if secret_key else factor.data[_CREDENTIAL]
    digest = hashlib.sha256(json.dumps(checked_with, sort_keys=True).encode()).hexdigest()
    return f"{factor.user_id} {factor.type} {digest}"


def end_other_sessions(user: User) -> None:
    """Increment the session generation; the view keeps its own session by `update_session_auth_hash`."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])
