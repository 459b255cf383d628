"""« Ce qui attend une main »: the operator's work items, shown on the home page."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.urls import reverse

from core.formatting import pluralize
from mailing.models import LOST, Message
from schools.models import DirectorySync
from sites.back_office.sales_work_items import WorkItem, list_sales_work_items
from tenants.cross_schema import query_all
from tenants.models import OfficeRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The directory changes weekly during the school year: after a month its e-mail addresses are outdated.
_DIRECTORY_MAX_AGE = datetime.timedelta(days=30)
#: Older delivery failures are not reported.
_FAILURE_WINDOW = datetime.timedelta(days=14)
#: After this long, a first manager who has not signed in may have lost the invitation.
_INVITATION_GRACE = datetime.timedelta(days=7)

_FAILED_MESSAGES_SQL = """
SELECT count(*) FROM {schema}.mailing_message
WHERE state IN ('failed', 'bounced') AND created_at > %s HAVING count(*) > 0
"""
_EMPTY_OFFICES_SQL = """
SELECT 1 WHERE NOT EXISTS (SELECT FROM {schema}.collectivities_member WHERE left_at IS NULL)
AND EXISTS (SELECT FROM {schema}.collectivities_invitation WHERE created_at < %s)
"""


def list_work_items(now: datetime.datetime) -> list[WorkItem]:
    """Return the work items, urgent ones first, with a fixed number of queries for all schemas."""
    return sorted(
        [
            *_requests(),
            *list_sales_work_items(now),
            *_directory(now),
            *_messages(now),
            *_empty_offices(now),
        ],
        key=lambda one: not one.urgent,
    )


def _requests() -> Iterator[WorkItem]:
    pending = OfficeRequest.objects.filter(state=OfficeRequest.State.PENDING).count()
    if pending:
        url = reverse("admin:tenants_officerequest_changelist") + "?state__exact=pending"
        yield WorkItem(f"{pluralize(pending, 'demande')} de bureau à accepter ou à refuser", url, urgent=True)


def get_last_synchronisation() -> datetime.datetime | None:
    """Return when the directory was last synchronised; None if never."""
    last = DirectorySync.objects.order_by("-at").first()
    return last.at if last else None


def _directory(now: datetime.datetime) -> Iterator[WorkItem]:
    url = reverse("admin:schools_directorysync_changelist")
    last = get_last_synchronisation()
    if last is None:
        yield WorkItem("L'annuaire n'a jamais été synchronisé : manage.py sync_directory", url, urgent=True)
    elif now - last > _DIRECTORY_MAX_AGE:
        age = pluralize((now - last).days, "jour")
        yield WorkItem(f"L'annuaire date de {age} : manage.py sync_directory", url, urgent=True)


def _messages(now: datetime.datetime) -> Iterator[WorkItem]:
    since = now - _FAILURE_WINDOW
    failed = Message.objects.filter(state__in=LOST, created_at__gt=since).count()
    if failed:
        url = reverse("admin:mailing_message_changelist") + "?arrivee=non"
        yield WorkItem(f"{pluralize(failed, 'e-mail')} du portail en échec depuis quatorze jours", url, urgent=True)
    for row in query_all(_FAILED_MESSAGES_SQL, [since]):
        (count,) = row.values
        url = row.collectivity.office_url("/messages/")
        yield WorkItem(
            f"{row.collectivity} : {pluralize(count, 'e-mail')} en échec depuis quatorze jours", url, urgent=False
        )


def _empty_offices(now: datetime.datetime) -> Iterator[WorkItem]:
    for row in query_all(_EMPTY_OFFICES_SQL, [now - _INVITATION_GRACE]):
        url = reverse("admin:tenants_collectivity_change", args=[row.collectivity.pk])
        yield WorkItem(f"{row.collectivity} : personne n'est encore entré dans le bureau", url, urgent=False)
