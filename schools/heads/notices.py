"""Who is written to about who leads a school: the official mailbox, and the principals whom it concerns.

Queued in the transaction that causes it, in the portal's outbox. A message holds numbers and the school's UAI only:
names, addresses and the link are read when it is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django_tenants.utils import get_public_schema_name, schema_context

from mailing.operations import enqueue

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from schools.models import Affiliation, HeadRequest

ASK = "head.ask"
VERIFIED = "head.verified"
JOINED = "head.joined"
REPLACED = "head.replaced"


def ask_mailbox(request: HeadRequest, at: datetime.datetime) -> None:
    """Ask the school's official mailbox to confirm who leads it."""
    _queue(ASK, request.school.email, at, request=request.pk)


def tell_verified(affiliation: Affiliation, at: datetime.datetime) -> None:
    """Tell the principal that the mailbox confirmed him."""
    _queue(VERIFIED, affiliation.user.email, at, user=affiliation.user_id, school=affiliation.school_id)


def tell_joined(head: User, newcomer: User, school_id: str | None, at: datetime.datetime) -> None:
    """Tell one who leads the school that another one leads it with him from now on."""
    _queue(JOINED, head.email, at, user=head.pk, other=newcomer.pk, school=school_id)


def tell_replaced(head: User, successor: User, school_id: str | None, at: datetime.datetime) -> None:
    """Tell one who led the school that somebody took over from him."""
    _queue(REPLACED, head.email, at, user=head.pk, other=successor.pk, school=school_id)


def _queue(kind: str, recipient: str, at: datetime.datetime, **context: int | str | None) -> None:
    with schema_context(get_public_schema_name()):
        enqueue(kind=kind, recipient=recipient, at=at, context=context)
