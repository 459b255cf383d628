"""Password resets: requested on a page without any lookup, processed by a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django_tenants.utils import get_public_schema_name

from accounts import letters, throttling
from accounts.correspondence import write_to
from accounts.limits import RESET_BY_EMAIL
from accounts.models import ResetRequest, User
from jobs.tasks import defer

if TYPE_CHECKING:
    import datetime


@transaction.atomic
def ask(*, email: str, host: str, at: datetime.datetime) -> None:
    """Queue a password reset for an address; the work is the same whether or not accounts have it.

    Above the hourly limit for a mailbox no e-mail is sent, and nothing is reported.
    """
    email = email.strip().lower()
    try:
        throttling.count([(RESET_BY_EMAIL, email)], at=at)
    except throttling.Throttled:
        return
    reset_request = ResetRequest.objects.create(email=email, host=host.partition(":")[0], asked_at=at)
    defer("accounts.reset", schema=get_public_schema_name(), priority=10, request_id=reset_request.pk)


@transaction.atomic
def answer(*, request_id: int, at: datetime.datetime) -> int:
    """Queue an e-mail for each active account of the address, delete the request; return the count.

    Idempotent. Only an account's confirmed address counts, not a pending one.
    """
    reset_request = ResetRequest.objects.select_for_update(no_key=True).filter(pk=request_id).first()
    if reset_request is None:
        return 0
    users = list(User.objects.filter(email__iexact=reset_request.email, is_active=True).order_by("pk"))
    for user in users:
        write_to(user, letters.RESET, host=reset_request.host, at=at)
    reset_request.delete()
    return len(users)


def prune(*, before: datetime.datetime) -> int:
    """Delete unprocessed requests older than a moment; return how many."""
    deleted, _ = ResetRequest.objects.filter(asked_at__lt=before).delete()
    return deleted
