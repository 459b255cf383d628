"""Password resets: requested on a page without any lookup, processed by a worker."""

from __future__ import annotations

import datetime

from django.db import transaction
from django_tenants.utils import get_public_schema_name

from accounts import email_kinds, throttling
from accounts.models import ResetRequest, User
from accounts.outbox import clean_host, queue_email_to_user
from accounts.rate_limits import RESET_BY_EMAIL
from jobs.tasks import defer


@transaction.atomic
def request_reset(*, email: str, host: str, at: datetime.datetime) -> None:
    """Queue a password reset for an address; the work is the same whether or not accounts have it.

    Above the hourly limit for a mailbox no e-mail is sent, and nothing is reported.
    """
    email = email.strip().lower()
    try:
        throttling.count_attempts([(RESET_BY_EMAIL, email)], at=at)
    except throttling.RateLimitExceeded:
        return
    reset_request = ResetRequest.objects.create(email=email, host=clean_host(host), asked_at=at)
    defer("accounts.reset", schema=get_public_schema_name(), priority=10, request_id=reset_request.pk)


@transaction.atomic
def send_reset_emails(*, request_id: int, at: datetime.datetime) -> int:
    """Queue an e-mail for each active account of the address, delete the request; return the count.

    Idempotent. Only an account's confirmed address counts, not a pending one.
    """
    reset_request = ResetRequest.objects.locked().filter(pk=request_id).first()
    if reset_request is None:
        return 0
    users = list(User.objects.filter(email__iexact=reset_request.email, is_active=True).order_by("pk"))
    for user in users:
        queue_email_to_user(user, email_kinds.RESET, host=reset_request.host, at=at)
    reset_request.delete()
    return len(users)


def prune(*, before: datetime.datetime) -> int:
    """Delete unprocessed requests older than a moment; return how many."""
    deleted, _ = ResetRequest.objects.filter(asked_at__lt=before).delete()
    return deleted
