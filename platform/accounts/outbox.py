"""Queue e-mails about an account in the portal's outbox, whichever host caused them."""

from __future__ import annotations

import datetime

from django_tenants.utils import get_public_schema_name, schema_context

from accounts import throttling
from accounts.models import User
from accounts.rate_limits import CONFIRMATION_BY_EMAIL
from mailing.operations import enqueue


def queue_email(kind: str, recipient: str, *, host: str, at: datetime.datetime, **context: int | str) -> None:
    """Queue an e-mail whose links point to `host`, in the public schema."""
    with schema_context(get_public_schema_name()):
        enqueue(kind=kind, recipient=recipient, at=at, context={**context, "host": clean_host(host)})


def clean_host(host: str) -> str:
    """Return the host that a request was made to as links name it: without port and final dot, in lower case."""
    return host.partition(":")[0].rstrip(".").lower()


def is_confirmation_allowed(mailbox: str, *, at: datetime.datetime) -> bool:
    """Count one request to confirm this mailbox; return whether it may be written to."""
    try:
        throttling.count_attempts([(CONFIRMATION_BY_EMAIL, mailbox.strip().lower())], at=at)
    except throttling.RateLimitExceeded:
        return False
    return True


def queue_email_to_user(user: User, kind: str, *, host: str, at: datetime.datetime) -> None:
    """Queue an e-mail to the account's own address; do nothing where it has none."""
    if user.email:
        queue_email(kind, user.email, host=host, at=at, user=user.pk)
