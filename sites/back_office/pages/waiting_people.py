"""People who wait for the operator: offices requested, invitations not taken up, e-mails that did not arrive.

Each function returns the oldest `limit` of its kind by a fixed number of queries. Offices are asked where one has a
concern (`collectivities.operations.members`), not all of them.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from django.urls import reverse

from collectivities.operations.members import FAILURE_WINDOW, INVITATION_GRACE
from core.calendar import PARIS, date_in_paris
from core.formatting import pluralize
from mailing.models import LOST, Message
from sites.back_office.pages.waiting import WaitingItem, WaitingPart
from tenants.cross_schema import SchemaRow, query_all
from tenants.models import Collectivity, OfficeConcern, OfficeRequest

_LOST_MESSAGES_SQL = """
SELECT count(*), min(created_at) FROM {schema}.mailing_message
WHERE state IN ('failed', 'bounced') AND created_at > %s HAVING count(*) > 0
"""
_EMPTY_OFFICES_SQL = """
SELECT min(created_at) FROM {schema}.collectivities_invitation
WHERE NOT EXISTS (SELECT FROM {schema}.collectivities_member WHERE left_at IS NULL)
HAVING min(created_at) < %s
"""


def list_office_requests(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the requests for an office."""
    pending = OfficeRequest.objects.filter(state=OfficeRequest.State.PENDING)
    items = [
        WaitingItem(
            label="Bureau demandé",
            client=request.name,
            detail=f"par {request.applicant}, {request.phone or request.email}",
            url=reverse("admin:tenants_officerequest_change", args=[request.pk]),
            since=date_in_paris(request.created_at),
            moment=request.created_at.astimezone(PARIS),
            today=date_in_paris(now),
        )
        for request in pending.order_by("created_at", "pk")[:limit]
    ]
    return WaitingPart(pending.count(), items)


def list_lost_messages(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the portal's e-mails of the last fourteen days that did not arrive."""
    lost = Message.objects.filter(state__in=LOST, created_at__gt=now - FAILURE_WINDOW)
    items = [
        WaitingItem(
            label="E-mail non remis",
            client=message.recipient,
            detail=message.reason or message.about,
            url=reverse("admin:mailing_message_change", args=[message.pk]),
            since=date_in_paris(message.created_at),
            moment=message.created_at.astimezone(PARIS),
            today=date_in_paris(now),
        )
        for message in lost.order_by("created_at", "pk")[:limit]
    ]
    return WaitingPart(lost.count(), items)


def list_offices_with_lost_messages(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the offices whose e-mails of the last fourteen days did not all arrive."""
    items = [
        _describe_office(row.collectivity, "E-mails non remis", pluralize(row.values[0], "e-mail"), row.values[1], now)
        for row in _query_concerned(OfficeConcern.Kind.LOST_MESSAGES, _LOST_MESSAGES_SQL, now - FAILURE_WINDOW)
    ]
    return WaitingPart(len(items), items[:limit])


def list_empty_offices(now: datetime.datetime, limit: int) -> WaitingPart:
    """Return the offices that nobody has entered a week after the invitation."""
    items = [
        _describe_office(
            row.collectivity, "Bureau vide", "personne n'est encore entré dans le bureau", row.values[0], now
        )
        for row in _query_concerned(OfficeConcern.Kind.EMPTY, _EMPTY_OFFICES_SQL, now - INVITATION_GRACE)
    ]
    return WaitingPart(len(items), items[:limit])


def _query_concerned(kind: OfficeConcern.Kind, query: str, since: datetime.datetime) -> Iterator[SchemaRow]:
    """Yield what the offices say that were found to have such a concern; it may be over since."""
    concerned = OfficeConcern.objects.filter(kind=kind).values("collectivity")
    return query_all(query, [since], among=Collectivity.objects.filter(pk__in=concerned))


def _describe_office(
    collectivity: Collectivity, label: str, detail: str, since: datetime.datetime, now: datetime.datetime
) -> WaitingItem:
    return WaitingItem(
        label=label,
        client=str(collectivity),
        detail=detail,
        url=reverse("admin:client_collectivity", args=[collectivity.pk]),
        since=date_in_paris(since),
        moment=since.astimezone(PARIS),
        today=date_in_paris(now),
    )
