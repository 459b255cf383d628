"""« Ce qui attend une main »: what the operator has to decide or to look into, first of all."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.urls import reverse

from mailing.models import LOST, Message
from pages.operator import sales
from pages.operator.task import Task
from schools.models import DirectorySync
from tenants.across import ask_all
from tenants.addresses import office_url
from tenants.models import OfficeRequest
from web.typography import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The directory changes every week of the school year: after a month its addresses are old.
DIRECTORY_IS_OLD = datetime.timedelta(days=30)
#: What failed longer ago was seen, or never will be.
FAILURES_SINCE = datetime.timedelta(days=14)
#: A first manager who has not come in by then may have lost the invitation.
NOBODY_CAME = datetime.timedelta(days=7)

_FAILED = """
SELECT count(*) FROM {schema}.mailing_message
WHERE state IN ('failed', 'bounced') AND created_at > %s HAVING count(*) > 0
"""
_EMPTY = """
SELECT 1 WHERE NOT EXISTS (SELECT FROM {schema}.collectivities_member WHERE left_at IS NULL)
AND EXISTS (SELECT FROM {schema}.collectivities_invitation WHERE created_at < %s)
"""


def tasks(now: datetime.datetime) -> list[Task]:
    """Return what waits, the most urgent first. The schemas are asked in a handful of statements."""
    return sorted(
        [*_requests(), *sales.tasks(now), *_directory(now), *_messages(now), *_empty_offices(now)],
        key=lambda one: not one.urgent,
    )


def _requests() -> Iterator[Task]:
    pending = OfficeRequest.objects.filter(state=OfficeRequest.State.PENDING).count()
    if pending:
        url = reverse("admin:tenants_officerequest_changelist") + "?state__exact=pending"
        yield Task(f"{plural(pending, 'demande')} de bureau à accepter ou à refuser", url, urgent=True)


def synchronised() -> datetime.datetime | None:
    """Return when the directory was last synchronised; None where it never was."""
    last = DirectorySync.objects.order_by("-at").first()
    return last.at if last else None


def _directory(now: datetime.datetime) -> Iterator[Task]:
    url = reverse("admin:schools_directorysync_changelist")
    last = synchronised()
    if last is None:
        yield Task("L'annuaire n'a jamais été synchronisé : manage.py sync_directory", url, urgent=True)
    elif now - last > DIRECTORY_IS_OLD:
        age = plural((now - last).days, "jour")
        yield Task(f"L'annuaire date de {age} : manage.py sync_directory", url, urgent=True)


def _messages(now: datetime.datetime) -> Iterator[Task]:
    since = now - FAILURES_SINCE
    own = Message.objects.filter(state__in=LOST, created_at__gt=since).count()
    if own:
        url = reverse("admin:mailing_message_changelist") + "?arrivee=non"
        yield Task(f"{plural(own, 'e-mail')} du portail en échec depuis quatorze jours", url, urgent=True)
    for row in ask_all(_FAILED, [since]):
        (failed,) = row.values
        url = office_url(row.collectivity, "/messages/")
        yield Task(f"{row.collectivity} : {plural(failed, 'e-mail')} en échec depuis quatorze jours", url, urgent=False)


def _empty_offices(now: datetime.datetime) -> Iterator[Task]:
    for row in ask_all(_EMPTY, [now - NOBODY_CAME]):
        url = reverse("admin:tenants_collectivity_change", args=[row.collectivity.pk])
        yield Task(f"{row.collectivity} : personne n'est encore entré dans le bureau", url, urgent=False)
