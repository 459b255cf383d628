"""The lock on an account. The manager of users is Django's, without `locked()`."""

from __future__ import annotations

from accounts.models import User


def lock_account(user_id: int) -> User:
    """Lock the account until the transaction ends, before any other lock, and return it.

    FOR NO KEY UPDATE: transactions that insert rows referring to the account do not wait, which could deadlock with
    the seats that they hold.
    """
    return User.objects.select_for_update(of=("self",), no_key=True).get(pk=user_id)
