"""Forgotten passwords: asked for on a page that looks nothing up, answered by a worker, one letter an account."""

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
    """Have the accounts of an address written to; the same work whether there are many, one or none.

    A mailbox that was asked for too often within an hour gets no further letter, and nobody is told so.
    """
    email = email.strip().lower()
    try:
        throttling.count([(RESET_BY_EMAIL, email)], at=at)
    except throttling.Throttled:
        return
    asked = ResetRequest.objects.create(email=email, host=host.partition(":")[0], asked_at=at)
    defer("accounts.reset", schema=get_public_schema_name(), priority=10, request_id=asked.pk)


@transaction.atomic
def answer(*, request_id: int, at: datetime.datetime) -> int:
    """Write to each open account of the address, forget that it was asked, and return how many letters that is.

    Twice is the same as once. Only the address that an account has counts, not one that it is moving to.
    """
    asked = ResetRequest.objects.select_for_update(no_key=True).filter(pk=request_id).first()
    if asked is None:
        return 0
    users = list(User.objects.filter(email__iexact=asked.email, is_active=True).order_by("pk"))
    for user in users:
        write_to(user, letters.RESET, host=asked.host, at=at)
    asked.delete()
    return len(users)


def prune(*, before: datetime.datetime) -> int:
    """Forget what was asked before a moment and never answered; return how many: an address is no keepsake."""
    deleted, _ = ResetRequest.objects.filter(asked_at__lt=before).delete()
    return deleted
