"""The school that a class is of: pupils stay at it when they go to another year, or to another teacher."""

from __future__ import annotations

from typing import NamedTuple

from accounts.models import User
from licensing.entitlements.models import Subscription
from schools.models import Affiliation


class ClassSchool(NamedTuple):
    """A school of the directory by its UAI, or, where none was chosen, the account that the licence was credited to."""

    uai: str
    account: int = 0

    @property
    def is_shared(self) -> bool:
        """Whether a colleague may be of it: not so for a licence that a teacher without a school bought."""
        return bool(self.uai or self.account)


def get_class_school(subscription: Subscription, teacher: User) -> ClassSchool:
    """Return the school of the classes that a teacher opens with a subscription.

    Of a licence that they bought themselves it is the one that they chose. At most one query.
    """
    if subscription.school_id is not None:
        return ClassSchool(subscription.school_id)
    if subscription.principal_id != teacher.pk:
        return ClassSchool("", subscription.principal_id)
    chosen = Affiliation.objects.filter(user=teacher, school__isnull=False).order_by("since", "pk").first()
    return ClassSchool(str(chosen.school_id)) if chosen is not None else ClassSchool("")
