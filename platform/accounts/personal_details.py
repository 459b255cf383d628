"""Change of a user's personal details: name, telephone, password, and the request of another address."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts import account_journal, email_change, email_kinds
from accounts.models import AccountEvent, User
from accounts.outbox import queue_email


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
        queue_email(email_kinds.PASSWORD_CHANGED, user.email, host=host, at=at, user=user.pk)
    if email.lower() != user.email.lower():
        email_change.request_change(user=user, email=email, host=host, at=at)
