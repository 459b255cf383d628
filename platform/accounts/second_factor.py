"""The second factor of an account: switched on, off, renewed. Allauth keeps it; its letters are the house's.

Each locks the account first: two windows at the same moment are one after the other. Sessions opened before end with
every change but the one that makes it: a password that somebody stole earlier opens nothing more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.db import transaction
from django.db.models import Exists, F
from django.views.decorators.debug import sensitive_variables

from accounts import letters, sealing
from accounts.correspondence import write_to
from accounts.models import User

if TYPE_CHECKING:
    import datetime

#: Where each kind of authenticator keeps its secret.
_SECRET = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}


class SecondFactorRefused(Exception):
    """A rule says no; nothing was changed. The sentence is shown as it stands."""

    code = "second_factor_refused"


def is_on(user: User) -> bool:
    """Return whether the account has a second factor."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists())


def exists_for(user_id: object) -> Exists:
    """Return the condition that the account, an outer reference, has a second factor: for sets of accounts."""
    return Exists(Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.TOTP))


@transaction.atomic
@sensitive_variables("secret")
def switch_on(*, user: User, secret: str, host: str, at: datetime.datetime) -> None:
    """Ask for a code from now on, make the recovery codes and tell the person. Raises `SecondFactorRefused`."""
    _lock(user)
    if is_on(user):
        raise SecondFactorRefused("La double authentification est déjà activée pour ce compte.")
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    _end_other_sessions(user)
    write_to(user, letters.SECOND_FACTOR_ON, host=host, at=at)


@transaction.atomic
def switch_off(*, user: User, host: str, at: datetime.datetime) -> bool:
    """Forget the second factor and its recovery codes and tell the person; return whether there was one."""
    _lock(user)
    had_one = is_on(user)
    Authenticator.objects.filter(user_id=user.pk).delete()
    if had_one:
        _end_other_sessions(user)
        write_to(user, letters.SECOND_FACTOR_OFF, host=host, at=at)
    return had_one


@transaction.atomic
def renew_codes(*, user: User, host: str, at: datetime.datetime) -> None:
    """Put new recovery codes in the place of the old ones and tell the person. Raises `SecondFactorRefused`."""
    _lock(user)
    if not is_on(user):
        raise SecondFactorRefused(
            "Les codes de secours accompagnent la double authentification : activez-la d'abord, ils seront créés avec."
        )
    Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).delete()
    RecoveryCodes.activate(user)
    write_to(user, letters.RECOVERY_CODES, host=host, at=at)


@transaction.atomic
def reseal(*, after: int = 0, size: int = 500) -> tuple[int, int]:
    """Seal the next factors under the current key; return how many, and the number of the last (0: none is left).

    Raises `sealing.Unsealable`.
    """
    rows = list(Authenticator.objects.select_for_update(no_key=True).filter(pk__gt=after).order_by("pk")[:size])
    for row in rows:
        kept = _SECRET[Authenticator.Type(row.type)]
        row.data[kept] = sealing.resealed(row.data[kept])
    Authenticator.objects.bulk_update(rows, ["data"])
    return len(rows), rows[-1].pk if rows else 0


def _lock(user: User) -> None:
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)


def _end_other_sessions(user: User) -> None:
    """Move the account to a new generation; a view then binds its own session to it (`update_session_auth_hash`)."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])
