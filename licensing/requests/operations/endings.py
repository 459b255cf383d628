"""End requests whose school year is over: each kind in one statement, in the public schema."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import QuerySet

from core.calendar import date_in_paris
from licensing.catalogue.operations import get_last_day
from licensing.requests.models import LicenceRequest, LicenceRequestEnd, TeacherRequest, TeacherRequestEnd

#: How long a teacher's request is kept after its end: until it can no longer be asked about.
KEPT = datetime.timedelta(days=365)


def expire_requests(*, at: datetime.datetime) -> int:
    """End the requests for a school year that is over, but those that are granted; return how many."""
    year = get_last_day(date_in_paris(at)).year
    ended = _expire(
        TeacherRequest.objects.pending().filter(school_year__lt=year).locked(), TeacherRequestEnd.EXPIRED, at
    )
    return ended + _expire(
        LicenceRequest.objects.waiting().filter(school_year__lt=year).locked(), LicenceRequestEnd.EXPIRED, at
    )


@transaction.atomic
def _expire[Row: (TeacherRequest, LicenceRequest)](due: QuerySet[Row], outcome: str, at: datetime.datetime) -> int:
    ids = list(due.values_list("pk", flat=True))
    return due.model._default_manager.filter(pk__in=ids).update(ended_at=at, outcome=outcome)  # noqa: SLF001 - documented


@transaction.atomic
def delete_old_teacher_requests(*, at: datetime.datetime) -> int:
    """Delete the requests of teachers that ended long ago; return how many."""
    deleted, _ = TeacherRequest.objects.filter(ended_at__lt=at - KEPT).delete()
    return deleted
