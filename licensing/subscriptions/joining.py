"""Attach proposed teachers to a principal's school.

Proposals are teachers who typed a similar name by hand, or chose a neighbouring school. Their own choice is kept; they
are notified, and may detach themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from licensing.subscriptions import notices
from licensing.subscriptions.exceptions import NotVerified, TeacherOfAnotherSchool
from schools import affiliations, matching
from schools.models import Affiliation, School

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


@transaction.atomic
def join(*, teacher_id: int, uai: str, by: User, at: datetime.datetime) -> Affiliation:
    """Attach a proposed teacher to the school that `by` is verified to lead, and notify the teacher.

    Raises `NotVerified`, and `TeacherOfAnotherSchool` for a teacher who is not among the school's proposals.
    """
    school = School.objects.filter(
        pk__in=Affiliation.objects.filter(user=by, school=uai, verified_at__isnull=False).values("school")
    ).first()
    if school is None:
        raise NotVerified("Votre direction de cet établissement n'est pas vérifiée.")
    proposed = {likely.affiliation.user_id: likely.affiliation.user for likely in matching.likely_teachers(school)}
    teacher = proposed.get(teacher_id)
    if teacher is None:
        raise TeacherOfAnotherSchool(
            "Cet enseignant ne fait plus partie des propositions : transmettez-lui la clé, il la saisira dans son "
            "propre compte."
        )
    affiliation = affiliations.choose(user=teacher, school=school, at=at)
    notices.tell_teacher_joined(affiliation, teacher, at)
    return affiliation
