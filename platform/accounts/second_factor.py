"""The second factor of an account: enable, disable, renew recovery codes. Stored by allauth.

Each operation locks the account first, so that concurrent requests are serialised. Enabling and disabling end all
sessions except the current one: a stolen session does not survive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    import datetime

#: Key of the secret in `Authenticator.data`, by kind.
_SECRET_KEYS = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}


class SecondFactorError(Exception):
    """A rule forbids the change; nothing was changed. The message is shown to the user."""

    code = "second_factor_rejected"


def is_enabled(user: User) -> bool:
    """Return whether the account has a second factor."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists())


def has_second_factor(user_id: Any) -> Exists:
    """Return a queryset condition that the account, given as an `OuterRef`, has a second factor."""
    return Exists(Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.TOTP))


@transaction.atomic
@sensitive_variables("secret")
def enable(*, user: User, secret: str, host: str, at: datetime.datetime) -> None:
    """Enable the second factor, create recovery codes and notify the user. Raises `SecondFactorError`."""
    lock_account(user.pk)
    if is_enabled(user):
        raise SecondFactorError("La double authentification est déjà activée pour ce compte.")
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    _end_other_sessions(user)
    account_journal.record_event(AccountEvent.Action.SECOND_FACTOR_ON, user=user, at=at)
    queue_email_to_user(user, email_kinds.SECOND_FACTOR_ON, host=host, at=at)


@transaction.atomic
def disable(*, user: User, host: str, at: datetime.datetime, by: User | None = None) -> bool:
    """Delete the second factor and its recovery codes, notify the user; return whether there was one.

    `by`: the operator who does it for the user.
    """
    lock_account(user.pk)
    was_enabled = is_enabled(user)
    Authenticator.objects.filter(user_id=user.pk).delete()
    if was_enabled:
        _end_other_sessions(user)
        account_journal.record_event(AccountEvent.Action.SECOND_FACTOR_OFF, user=user, at=at, by=by)
        queue_email_to_user(user, email_kinds.SECOND_FACTOR_OFF, host=host, at=at)
    return was_enabled


@transaction.atomic
def renew_recovery_codes(*, user: User, host: str, at: datetime.datetime) -> None:
    """Replace the recovery codes and notify the user. Raises `SecondFactorError`."""
    lock_account(user.pk)
    if not is_enabled(user):
        raise SecondFactorError(
            "Les codes de secours accompagnent la double authentification : activez-la d'abord, ils seront créés avec."
        )
    Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).delete()
    RecoveryCodes.activate(user)
    account_journal.record_event(AccountEvent.Action.RECOVERY_CODES, user=user, at=at)
    queue_email_to_user(user, email_kinds.RECOVERY_CODES, host=host, at=at)


@transaction.atomic
def reseal(*, after: int = 0, size: int = 500) -> tuple[int, int]:
    """Reseal the next batch under the current key; return its size and last primary key (0: none left).

    Raises `sealing.UnsealError`.
    """
    rows = list(Authenticator.objects.select_for_update(no_key=True).filter(pk__gt=after).order_by("pk")[:size])
    for row in rows:
        secret_key = _SECRET_KEYS[Authenticator.Type(row.type)]
        row.data[secret_key] = sealing.reseal(row.data[secret_key])
    Authenticator.objects.bulk_update(rows, ["data"])
    return len(rows), rows[-1].pk if rows else 0


def _end_other_sessions(user: User) -> None:
    """Increment the session generation; the view keeps its own session by `update_session_auth_hash`."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])
