"""How a letter about an account gets into the outbox: the portal's, whatever the host it was caused at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django_tenants.utils import get_public_schema_name, schema_context

from mailing.operations import enqueue

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


def write(kind: str, recipient: str, *, host: str, at: datetime.datetime, **context: int) -> None:
    """Queue a letter whose links lead to `host`. It is about the person, not about a collectivity."""
    with schema_context(get_public_schema_name()):
        enqueue(kind=kind, recipient=recipient, at=at, context={**context, "host": host.partition(":")[0]})


def write_to(user: User, kind: str, *, host: str, at: datetime.datetime) -> None:
    """Queue a letter to the account's own address; an account without one gets none."""
    if user.email:
        write(kind, user.email, host=host, at=at, user=user.pk)
