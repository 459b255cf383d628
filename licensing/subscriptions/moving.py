"""A teacher who moves to another school. The unit he holds stays with it: his former principal is told, and decides.

A leave or a shared post is ordinary, and taking the unit back would close a class in the middle of a lesson.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from licensing.subscriptions import notices
from licensing.subscriptions.models import Seat, Subscription
from licensing.subscriptions.queries import today
from schools import affiliations

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from schools.affiliations import TypedSchool
    from schools.models import Affiliation, School


@transaction.atomic
def move(*, teacher: User, school: School | None, typed: TypedSchool | None, at: datetime.datetime) -> Affiliation:
    """Attach the teacher to this one school, chosen or typed, and to no other.

    Whoever leads the school he leaves is told, where he holds a unit of it that runs.
    """
    before = set(teacher.affiliations.filter(school__isnull=False).values_list("school_id", flat=True))
    affiliation = affiliations.replace(user=teacher, school=school, typed=typed, at=at)
    left = before - {affiliation.school_id}
    if left:
        running = Subscription.objects.running_on(today(at)).filter(school__in=left)
        for seat in Seat.objects.filter(holder=teacher, subscription__in=running).select_related(
            "subscription__principal"
        ):
            notices.tell_heads_moved(seat, at)
    return affiliation
