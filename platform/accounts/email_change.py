"""Change of an account's e-mail address: the old one stays until the new one is confirmed.

A typing mistake locks nobody out: signing in and password resets use the confirmed address. The old address is
notified when the change is requested, and again when it is confirmed.
"""

from __future__ import annotations

import datetime

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts import email_kinds, throttling
from accounts.locks import lock_account
from accounts.models import User
from accounts.outbox import is_confirmation_allowed, queue_email, queue_email_to_user
from accounts.rate_limits import NEW_ADDRESS


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
        queue_email_to_user(user, email_kinds.ADDRESS_CHANGE_REQUESTED, host=host, at=at)
    if is_confirmation_allowed(email, at=at):
        queue_email(email_kinds.CONFIRM_NEW_ADDRESS, email, host=host, at=at, address=pending.pk, user=user.pk)
    return pending


@transaction.atomic
def cancel_change(*, user: User) -> bool:
    """Cancel the pending change, so that its link stops working; return whether there was one."""
    lock_account(user.pk)
    return _delete_pending(user)


def _delete_pending(user: User) -> bool:
    deleted, _ = EmailAddress.objects.filter(user_id=user.pk, verified=False, primary=False).delete()
    return bool(deleted)
