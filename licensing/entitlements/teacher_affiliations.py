"""Affiliations of teachers that concern their licences: attach a proposed teacher, change a teacher's school.

Proposals are teachers who typed a similar name by hand, or chose a neighbouring school. Their own choice is kept; they
are notified, and may detach themselves. A teacher who changes school keeps their seats: leaves and shared posts are
common, and withdrawal closes a class at once. The former principal is notified.
"""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import User
from core.calendar import date_in_paris
from licensing.entitlements import notifications
from licensing.entitlements.exceptions import PrincipalNotVerified, TeacherOfAnotherSchool
from licensing.entitlements.models import Seat, Subscription
from schools import affiliations, queries
from schools.affiliations import TypedSchool
from schools.models import Affiliation, School


@transaction.atomic
def attach_proposed_teacher(*, teacher_id: int, uai: str, by: User, at: datetime.datetime) -> Affiliation:
    """Attach a proposed teacher to the school that `by` is verified to lead, and notify the teacher.

    Raises `PrincipalNotVerified`, and `TeacherOfAnotherSchool` for a teacher who is not among the school's proposals.
    """
    school = School.objects.filter(
        pk__in=Affiliation.objects.filter(user=by, school=uai, verified_at__isnull=False).values("school")
    ).first()
    if school is None:
        raise PrincipalNotVerified("Votre direction de cet établissement n'est pas vérifiée.")
    proposed = {likely.affiliation.user_id: likely.affiliation.user for likely in queries.suggest_teachers(school)}
    teacher = proposed.get(teacher_id)
    if teacher is None:
        raise TeacherOfAnotherSchool(
            "Cet enseignant ne fait plus partie des propositions : transmettez-lui la clé, il la saisira dans son "
            "propre compte."
        )
    affiliation = affiliations.choose(user=teacher, school=school, at=at)
    notifications.notify_teacher_of_affiliation(affiliation, teacher, at)
    return affiliation


@transaction.atomic
def change_school(
    *, teacher: User, school: School | None, typed: TypedSchool | None, at: datetime.datetime
) -> Affiliation:
    """Make this school, chosen or typed, the teacher's only one.

    Notifies the principals of the schools left where the teacher holds an available seat of theirs.
    """
    before = set(teacher.affiliations.filter(school__isnull=False).values_list("school_id", flat=True))
    affiliation = affiliations.replace(user=teacher, school=school, typed=typed, at=at)
    left = before - {affiliation.school_id}
    if left:
        available = Subscription.objects.available_on(date_in_paris(at)).filter(school__in=left)
        for seat in Seat.objects.filter(holder=teacher, subscription__in=available).select_related(
            "subscription__principal"
        ):
            notifications.notify_principals_of_move(seat, at)
    return affiliation
