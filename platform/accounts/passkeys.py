"""Passkeys of an account: add, rename, remove. Stored by allauth, verified by the package fido2.

A passkey is stored as a public key: a copy of the database lets nobody sign in, so it is not sealed. All hosts share
one relying party, the portal's domain, so that a passkey works at the portal and in every office.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts import account_journal, email_kinds
from accounts.locks import lock_account
from accounts.models import AccountEvent, User
from accounts.outbox import queue_email_to_user
from accounts.second_factor import SecondFactorError, bind, finish_addition, finish_removal

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
    finish_addition(user)
    account_journal.record_event(AccountEvent.Action.PASSKEY_ADDED, user=user, at=at)
    queue_email_to_user(user, email_kinds.PASSKEY_ADDED, host=host, at=at)
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
    account_journal.record_event(AccountEvent.Action.PASSKEY_REMOVED, user=user, at=at)
    finish_removal(user, email_kind=email_kinds.PASSKEY_REMOVED, host=host, at=at)


def _get(user: User, passkey_id: int) -> Authenticator:
    passkey = Authenticator.objects.filter(pk=passkey_id, user_id=user.pk, type=Authenticator.Type.WEBAUTHN).first()
    if passkey is None:
        raise SecondFactorError("Cet appareil a déjà été retiré : rechargez la page.")
    return passkey
