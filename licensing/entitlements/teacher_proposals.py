"""Attach proposed teachers to a principal's school.

Proposals are teachers who typed a similar name by hand, or chose a neighbouring school. Their own choice is kept; they
are notified, and may detach themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from licensing.entitlements import notifications
from licensing.entitlements.exceptions import PrincipalNotVerified, TeacherOfAnotherSchool
from schools import affiliations, matching
from schools.models import Affiliation, School

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


@transaction.atomic
def attach_proposed_teacher(*, teacher_id: int, uai: str, by: User, at: datetime.datetime) -> Affiliation:
    """Attach a proposed teacher to the school that `by` is verified to lead, and notify the teacher.

    Raises `NotVerified`, and `TeacherOfAnotherSchool` for a teacher who is not among the school's proposals.
    """
    school = School.objects.filter(
        pk__in=Affiliation.objects.filter(user=by, school=uai, verified_at__isnull=False).values("school")
    ).first()
    if school is None:
        raise PrincipalNotVerified("Votre direction de cet établissement n'est pas vérifiée.")
    proposed = {likely.affiliation.user_id: likely.affiliation.user for likely in matching.suggest_teachers(school)}
    teacher = proposed.get(teacher_id)
    if teacher is None:
        raise TeacherOfAnotherSchool(
            "Cet enseignant ne fait plus partie des propositions : transmettez-lui la clé, il la saisira dans son "
            "propre compte."
        )
    affiliation = affiliations.choose(user=teacher, school=school, at=at)
    notifications.notify_teacher_of_affiliation(affiliation, teacher, at)
    return affiliation
