"""Second factors: codes, passkeys, their sealed secrets, the operators' rule and the codes that let them enrol.

Each operation locks the account first, so that concurrent requests are serialised. Adding and removing a factor end all
sessions except the current one: a stolen session does not survive. Recovery codes come with the first factor and go
with the last.

Each row is bound to its account, its type and what it is checked with, by a text that only a sealing key makes: whoever
writes in the database as the application gives nobody a factor.
"""

import datetime
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any, cast

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.db.models import Exists, F
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from accounts import account_journal, attempt_delays, emails
from accounts.emails import queue_email_to_user
from accounts.known_origins import Origin
from accounts.models import AccountEvent, EnrolmentCode, User, lock_account
from core.sealing import Sealer, UnsealError
from web.access import SignedIn, require_policy

# Sealing of second factor secrets at rest, so that a copy of the database gives no valid code.
#
# After `reseal`, older sealing keys can be removed.

_sealing = Sealer("accounts.second-factor")


@sensitive_variables("secret")
def seal(secret: str) -> str:
    """Return the secret sealed under the current key."""
    return _sealing.seal(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the secret. Raises `UnsealError`."""
    return _sealing.unseal(sealed.encode()).decode()


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
    _finish_addition(user, AccountEvent.Action.SECOND_FACTOR_ON, emails.SECOND_FACTOR_ON, host=host, at=at)


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
        queue_email_to_user(user, emails.SECOND_FACTOR_OFF, host=host, at=at)
    return was_enabled


@transaction.atomic
def remove_application(*, user: User, host: str, at: datetime.datetime) -> bool:
    """Delete the application's secret and notify the user; return whether there was one."""
    lock_account(user.pk)
    removed, _ = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).delete()
    if removed:
        _finish_removal(user, AccountEvent.Action.TOTP_REMOVED, emails.TOTP_REMOVED, host=host, at=at)
    return bool(removed)


def _finish_addition(
    user: User, action: AccountEvent.Action, email_kind: str, *, host: str, at: datetime.datetime
) -> None:
    """Create recovery codes unless there are some, end the other sessions, record the action and notify the user."""
    if not Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).exists():
        bind(RecoveryCodes.activate(user).instance)
    end_other_sessions(user)
    account_journal.record_event(action, user=user, at=at)
    queue_email_to_user(user, email_kind, host=host, at=at)


def _finish_removal(
    user: User, action: AccountEvent.Action, email_kind: str, *, host: str, at: datetime.datetime
) -> None:
    """Record the action, end the other sessions, notify the user; after the last factor, delete the recovery codes too.

    `email_kind`: the notice where another factor is left.
    """
    account_journal.record_event(action, user=user, at=at)
    end_other_sessions(user)
    if is_enabled(user):
        queue_email_to_user(user, email_kind, host=host, at=at)
        return
    Authenticator.objects.filter(user_id=user.pk).delete()
    account_journal.record_event(AccountEvent.Action.SECOND_FACTOR_OFF, user=user, at=at)
    queue_email_to_user(user, emails.SECOND_FACTOR_OFF, host=host, at=at)


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
    queue_email_to_user(user, emails.RECOVERY_CODES, host=host, at=at)


@transaction.atomic
def reseal(*, after: int = 0, size: int = 500) -> tuple[int, int]:
    """Reseal the next batch under the current key; return its size and last primary key (0: none left).

    Raises `UnsealError`.
    """
    rows = list(Authenticator.objects.select_for_update(no_key=True).filter(pk__gt=after).order_by("pk")[:size])
    for row in rows:
        for key in (_SECRET_KEYS.get(Authenticator.Type(row.type)), _BINDING):
            if key in row.data:
                row.data[key] = _sealing.reseal(row.data[key].encode()).decode()
    Authenticator.objects.bulk_update(rows, ["data"])
    return len(rows), rows[-1].pk if rows else 0


def bind(factor: Authenticator) -> None:
    """Say in a new row, under a sealing key, whose factor it is."""
    factor.data[_BINDING] = seal(_describe_binding(factor))
    factor.save(update_fields=["data"])


def is_bound(factor: Authenticator) -> bool:
    """Return whether the row is what this account was given: False where it was written or moved in the database."""
    try:
        return unseal(factor.data.get(_BINDING, "")) == _describe_binding(factor)
    except UnsealError:
        return False


def _describe_binding(factor: Authenticator) -> str:
    secret_key = _SECRET_KEYS.get(Authenticator.Type(factor.type))
    checked_with = unseal(factor.data[secret_key]) if secret_key else factor.data[_CREDENTIAL]
    digest = hashlib.sha256(json.dumps(checked_with, sort_keys=True).encode()).hexdigest()
    return f"{factor.user_id} {factor.type} {digest}"


def end_other_sessions(user: User) -> None:
    """Increment the session generation; the view keeps its own session by `update_session_auth_hash`."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])


# Passkeys of an account: add, rename, remove. Stored by allauth, verified by the package fido2.
#
# A passkey is stored as a public key: a copy of the database lets nobody sign in, so it is not sealed. All hosts share
# one relying party, the portal's domain, so that a passkey works at the portal and in every office.

#: Passkeys of one account: more are refused.
MAX_PASSKEYS = 10
#: Of a passkey's data: the counter that came with its last signature.
_COUNTER = "counter"


@transaction.atomic
def add(*, user: User, name: str, credential: Mapping[str, Any], host: str, at: datetime.datetime) -> Authenticator:
    """Add a passkey that allauth's form has verified, notify the user and return it. Raises `SecondFactorError`."""
    lock_account(user.pk)
    owned = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN)
    if owned.count() >= MAX_PASSKEYS:
        raise SecondFactorError(
            f"Un compte a {MAX_PASSKEYS} appareils de connexion au plus : retirez-en un, puis recommencez."
        )
    passkey = Authenticator.objects.create(
        user=user,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": name, "credential": credential},
        created_at=at,
    )
    bind(passkey)
    _finish_addition(user, AccountEvent.Action.PASSKEY_ADDED, emails.PASSKEY_ADDED, host=host, at=at)
    return passkey


@transaction.atomic
def advance_counter(*, passkey: Authenticator, counter: int) -> bool:
    """Store how often a passkey says that it has signed; return False where that has not grown: it was copied.

    Passkeys that are kept on several devices count nothing and always say 0 (WebAuthn level 2, 7.2, step 21).
    """
    lock_account(passkey.user_id)
    stored = Authenticator.objects.filter(pk=passkey.pk).first()
    if stored is None:
        return False
    previous = stored.data.get(_COUNTER, 0)
    if (counter or previous) and counter <= previous:
        return False
    if counter:
        stored.data[_COUNTER] = counter
        stored.save(update_fields=["data"])
    return True


@transaction.atomic
def rename(*, user: User, passkey_id: int, name: str) -> None:
    """Change a passkey's name, which only its owner reads. Raises `SecondFactorError` where it is gone."""
    lock_account(user.pk)
    passkey = _get(user, passkey_id)
    passkey.data["name"] = name
    passkey.save(update_fields=["data"])


@transaction.atomic
def remove(*, user: User, passkey_id: int, host: str, at: datetime.datetime) -> None:
    """Delete a passkey and notify the user. Raises `SecondFactorError` where it is gone."""
    lock_account(user.pk)
    _get(user, passkey_id).delete()
    _finish_removal(user, AccountEvent.Action.PASSKEY_REMOVED, emails.PASSKEY_REMOVED, host=host, at=at)


def _get(user: User, passkey_id: int) -> Authenticator:
    passkey = Authenticator.objects.filter(pk=passkey_id, user_id=user.pk, type=Authenticator.Type.WEBAUTHN).first()
    if passkey is None:
        raise SecondFactorError("Cet appareil a déjà été retiré : rechargez la page.")
    return passkey


def is_operator(user: User | AnonymousUser) -> bool:
    """Return whether the account is an active operator's."""
    return bool(user.is_active and user.is_staff and user.is_superuser)


def lacks_second_factor(user: User | AnonymousUser) -> bool:
    """Return whether an operator has no second factor although the settings require one."""
    return settings.OPERATOR_SECOND_FACTOR and not is_enabled(cast("User", user))


def may_operate(user: User | AnonymousUser) -> bool:
    """Return whether the account may act as an operator now."""
    return is_operator(user) and not lacks_second_factor(user)


def get_operator(request: HttpRequest) -> User:
    """Return the signed-in operator, on a page that lets nobody else in."""
    return cast("User", request.user)


# One-time codes that let an operator enrol a first second factor, also after theirs was removed.
#
# Without one, whoever has an operator's password could enrol their own telephone. A code is printed on the server
# (`manage.py second_factor_code`), stored as a keyed hash for its account and its hour, and works once; whoever typed
# it may enrol in the same session until that hour is over. Who writes in the database as the application makes none.

VALIDITY = datetime.timedelta(hours=1)
#: Without vowels and lookalikes: 16 of these 20 symbols are 69 bits.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH, _GROUP = 16, 4
#: Session key: until when this session may enrol, in seconds since the epoch, and for which account.
_GRANT = "second_factor_enrolment"


class EnrolmentCodeError(SecondFactorError):
    """The code cannot be issued, or is not accepted. The message is shown to the user."""

    code = "enrolment_code_rejected"


def is_required(user: User) -> bool:
    """Return whether the account needs a code before it may enrol a second factor."""
    return settings.OPERATOR_SECOND_FACTOR and user.is_staff and not is_enabled(user)


@transaction.atomic
def issue(*, user: User, at: datetime.datetime) -> str:
    """Return a new code for the operator's account; an earlier one no longer works. Raises `EnrolmentCodeError`."""
    if not user.is_staff:
        raise EnrolmentCodeError(
            f"Le compte « {user.username} » n'est pas un compte d'exploitation : il active la double authentification "
            "sans code du serveur."
        )
    if is_enabled(user):
        raise EnrolmentCodeError(
            f"Le compte « {user.username} » a déjà la double authentification. Si son moyen est perdu, retirez-la "
            f"d'abord : manage.py remove_second_factor {user.username}"
        )
    symbols = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    expires_at = at + VALIDITY
    EnrolmentCode.objects.update_or_create(
        user=user, defaults={"code_hash": _hash(symbols, user, expires_at), "expires_at": expires_at}
    )
    account_journal.record_event(AccountEvent.Action.ENROLMENT_CODE, user=user, at=at)
    return "-".join(symbols[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


@sensitive_variables("code")
def redeem(*, user: User, code: str, origin: Origin, at: datetime.datetime) -> datetime.datetime:
    """Spend the account's code; return until when it lets enrol.

    Raises `EnrolmentCodeError` for a wrong, spent or expired code, and `attempt_delays.AttemptTooEarly`.
    """
    attempt = attempt_delays.begin_enrolment(origin, user)
    typed = "".join(code.upper().replace("-", " ").split())
    codes = EnrolmentCode.objects.filter(user=user)
    issued = codes.filter(expires_at__gt=at).first()
    valid = issued is not None and constant_time_compare(issued.code_hash, _hash(typed, user, issued.expires_at))
    # The deletion tells who was first: of two requests with the same code one deletes the row.
    if issued is None or not valid or not codes.filter(code_hash=issued.code_hash).delete()[0]:
        account_journal.record_event(AccountEvent.Action.CODE_REFUSED, user=user, at=at)
        raise EnrolmentCodeError(
            "Ce code n'est pas le bon, a déjà servi ou a plus d'une heure. Demandez-en un autre sur le serveur : "
            f"manage.py second_factor_code {user.username}"
        )
    attempt.take_back()
    return issued.expires_at


def _hash(code: str, user: User, expires_at: datetime.datetime) -> str:
    bound_to = f"{user.pk} {expires_at.timestamp()} {code}"
    return salted_hmac("accounts.enrolment", bound_to, algorithm="sha256").hexdigest()


def allow_session(request: HttpRequest, *, until: datetime.datetime) -> None:
    """Let this session enrol a second factor for its account."""
    request.session[_GRANT] = [cast("User", request.user).pk, until.timestamp()]


def end_permission(request: HttpRequest) -> None:
    """Forget that this session may enrol: it did."""
    request.session.pop(_GRANT, None)


class MayEnrol:
    """Access policy: signed in; an operator without a second factor typed the code of the server in this session."""

    label = "signed in; operators by code"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Redirect to the page that asks for the code, which leads back here."""
        response = SignedIn()(request)
        if response is not None:
            return response
        user = cast("User", request.user)
        if not is_required(user) or _is_allowed(request, user):
            return None
        return redirect_to_login(request.get_full_path(), reverse("enrolment_code"))


def _is_allowed(request: HttpRequest, user: User) -> bool:
    account, until = request.session.get(_GRANT, [None, 0])
    return bool(account == user.pk and timezone.now().timestamp() < until)


may_enrol = require_policy(MayEnrol())
