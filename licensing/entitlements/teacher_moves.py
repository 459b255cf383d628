"""Change of a teacher's school. Their seats stay with it, and the former principal is notified.

Seats are not withdrawn automatically: leaves and shared posts are common, and withdrawal closes a class at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from core.calendar import date_in_paris
from licensing.entitlements import notifications
from licensing.entitlements.models import Seat, Subscription
from schools import affiliations

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from schools.affiliations import TypedSchool
    from schools.models import Affiliation, School


@transaction.atomic
def change_school(
    *, teacher: User, school: School | None, typed: TypedSchool | None, at: datetime.datetime
) -> Affiliation:
    """Make this school, chosen or typed, the teacher's only one.

    Notifies the principals of the schools left where the teacher holds a usable seat of theirs.
    """
    before = set(teacher.affiliations.filter(school__isnull=False).values_list("school_id", flat=True))
    affiliation = affiliations.replace(user=teacher, school=school, typed=typed, at=at)
    left = before - {affiliation.school_id}
    if left:
        running = Subscription.objects.running_on(date_in_paris(at)).filter(school__in=left)
        for seat in Seat.objects.filter(holder=teacher, subscription__in=running).select_related(
            "subscription__principal"
        ):
            notifications.notify_principals_of_move(seat, at)
    return affiliation
