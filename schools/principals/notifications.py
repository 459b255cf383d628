"""Queue the e-mails of principal verification: to the official mailbox, and to the principals concerned.

Queued in the caller's transaction, in the portal's outbox. A message holds ids and the school's UAI only: names,
e-mail addresses and the link are read when it is sent.
"""

from __future__ import annotations

import datetime

from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import User
from mailing.operations import enqueue
from schools.models import Affiliation, PrincipalRequest

VERIFICATION_REQUEST = "principal.verification_requested"
VERIFIED = "principal.verified"
JOINED = "principal.joined"
REPLACED = "principal.replaced"


def notify_mailbox(request: PrincipalRequest, at: datetime.datetime) -> None:
    """Send the verification link to the school's official mailbox."""
    _queue(VERIFICATION_REQUEST, request.school.email, at, request=request.pk)


def notify_verified(affiliation: Affiliation, at: datetime.datetime) -> None:
    """Notify the principal that they are verified."""
    _queue(VERIFIED, affiliation.user.email, at, user=affiliation.user_id, school=affiliation.school_id)


def notify_joined(principal: User, newcomer: User, school_id: str | None, at: datetime.datetime) -> None:
    """Notify a principal of the school that another one was verified."""
    _queue(JOINED, principal.email, at, user=principal.pk, other=newcomer.pk, school=school_id)


def notify_replaced(principal: User, successor: User, school_id: str | None, at: datetime.datetime) -> None:
    """Notify a principal that a successor replaced them."""
    _queue(REPLACED, principal.email, at, user=principal.pk, other=successor.pk, school=school_id)


def _queue(kind: str, recipient: str, at: datetime.datetime, **context: int | str | None) -> None:
    with schema_context(get_public_schema_name()):
        enqueue(kind=kind, recipient=recipient, at=at, context=context)
