"""Whether an office requires a second factor, of whom, and from when.

Buyers and managers need one unless the office switched it off. In an office that has given nothing yet, a new member
has seven days.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import NamedTuple

from django.conf import settings
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q

from accounts import second_factor
from accounts.models import User
from collectivities.models import Member, OfficeSettings, Role
from core.registry import Registry

#: Who acts for the office: spends its money, or gives and takes its licences.
ROLES = (Role.MANAGER, Role.BUYER)
GRACE = datetime.timedelta(days=7)
_CONCERNED = Q(roles__overlap=[role.value for role in ROLES])

#: By app above this one, a condition that the office has given something to a school.
gifts: Registry[Callable[[], Exists]] = Registry("condition of what an office gave")


class GracePeriod(NamedTuple):
    """Until when a member may still work without a second factor."""

    ends_at: datetime.datetime
    #: Days left, rounded up.
    days: int


def is_required(office: OfficeSettings) -> bool:
    """Return whether the office requires a second factor: by its own decision, else by the platform's setting."""
    if office.second_factor_required is None:
        return bool(settings.OFFICE_SECOND_FACTOR)
    return office.second_factor_required


def find_member(user: User) -> Member | None:
    """Return the user's membership of the current office, with what `find_grace` reads of it. Two queries at most.

    The second is of those who need a second factor alone: the account's factors are of the public schema.
    """
    member = Member.objects.filter(left_at=None, user_id=user.pk).annotate(**_build_annotations()).first()
    if member is not None:
        member.user = user
        vars(member)["lacks_second_factor"] = vars(member)["needs_second_factor"] and not second_factor.is_enabled(user)
    return member


def _build_annotations() -> dict[str, ExpressionWrapper[Q]]:
    if settings.OFFICE_SECOND_FACTOR:
        required = ~Q(Exists(OfficeSettings.objects.filter(second_factor_required=False)))
    else:
        required = Q(Exists(OfficeSettings.objects.filter(second_factor_required=True)))
    has_given = Q(pk__in=[])
    for condition in gifts.values():
        has_given |= Q(condition())
    return {
        "needs_second_factor": _as_boolean(_CONCERNED & required),
        "office_has_given": _as_boolean(has_given),
    }


def needs_enrolment(member: Member, *, at: datetime.datetime) -> bool:
    """Return whether a member of `find_member` must enrol a second factor before any page of the office."""
    return vars(member)["lacks_second_factor"] and find_grace(member, at=at) is None


def find_grace(member: Member, *, at: datetime.datetime) -> GracePeriod | None:
    """Return how long a member of `find_member` may still do without the second factor they need; None for no grace."""
    ends_at = member.joined_at + GRACE
    if not vars(member)["lacks_second_factor"] or vars(member)["office_has_given"] or ends_at <= at:
        return None
    return GracePeriod(ends_at, math.ceil((ends_at - at) / datetime.timedelta(days=1)))


def list_members_without() -> list[Member]:
    """Return the buyers and managers without a second factor, by name, whether or not the office requires one.

    Two queries.
    """
    members = {one.user_id: one for one in Member.objects.active().filter(_CONCERNED)}
    without = User.objects.filter(pk__in=members).exclude(second_factor.has_second_factor(OuterRef("pk")))
    for user in (found := list(without.order_by("last_name", "first_name", "pk"))):
        members[user.pk].user = user
    return [members[user.pk] for user in found]


def _as_boolean(condition: Q) -> ExpressionWrapper[Q]:
    return ExpressionWrapper(condition, output_field=BooleanField())
