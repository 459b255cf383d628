"""E-mails about requests, queued in the portal's outbox in the transaction that causes them."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable

from django_tenants.utils import get_public_schema_name, schema_context

from accounts.models import User
from licensing.entitlements.models import Subscription
from licensing.returns.models import ReturnRequest
from mailing.operations import NewMessage, cancel, enqueue_many
from schools.models import Affiliation

RETURN_REQUESTED = "return.requested"
#: `Message.topic` of the e-mails about a request; their `topic_id` is its primary key.
REQUEST_TOPIC = "return_request"


def list_addressees(key_ids: Collection[int]) -> dict[int, list[User]]:
    """Return by key whom to write to: the verified principals of its school, else the account credited if active.

    Two queries.
    """
    subscriptions = list(Subscription.objects.filter(key__in=key_ids).select_related("principal"))
    verified = Affiliation.objects.filter(
        school__in={one.school_id for one in subscriptions if one.school_id}, verified_at__isnull=False
    ).select_related("user")
    principals: dict[str | None, list[User]] = {}
    for affiliation in verified.order_by("verified_at", "pk"):
        principals.setdefault(affiliation.school_id, []).append(affiliation.user)
    return {
        one.key_id: principals.get(one.school_id)
        or [user for user in (one.principal,) if user.is_active and one.school_id is not None]
        for one in subscriptions
    }


def notify_principals(requests: Iterable[ReturnRequest], at: datetime.datetime) -> None:
    """E-mail the principals of each school that was asked."""
    asked = list(requests)
    addressees = list_addressees([request.key_id for request in asked])
    emails = [
        NewMessage(
            RETURN_REQUESTED,
            person.email,
            topic=REQUEST_TOPIC,
            topic_id=request.pk,
            context={"user": person.pk},
        )
        for request in asked
        for person in addressees.get(request.key_id, [])
    ]
    with schema_context(get_public_schema_name()):
        enqueue_many(emails, at=at)


def cancel_emails(request: ReturnRequest, at: datetime.datetime) -> None:
    """Cancel the e-mails about a request that have not left."""
    with schema_context(get_public_schema_name()):
        cancel(REQUEST_TOPIC, [request.pk], at)
