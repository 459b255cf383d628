"""Whether an office requires a second factor, of whom, and from when.

Buyers and managers need one unless the office switched it off. In an office that has given nothing yet, a new member
has seven days.
"""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q

from accounts import second_factor
from collectivities.models import Member, OfficeSettings, Role

if TYPE_CHECKING:
    from collections.abc import Callable

#: Who acts for the office: spends its money, or gives and takes its licences.
ROLES = (Role.MANAGER, Role.BUYER)
GRACE = datetime.timedelta(days=7)
_CONCERNED = Q(roles__overlap=[role.value for role in ROLES])

_gifts: list[Callable[[], Exists]] = []


class GracePeriod(NamedTuple):
    """Until when a member may still work without a second factor."""

    ends_at: datetime.datetime
    #: Days left, rounded up.
    days: int


def register_gifts(condition: Callable[[], Exists]) -> None:
    """Register a condition that the office has given something to a school. Its app is above this one."""
    _gifts.append(condition)


def is_required(office: OfficeSettings) -> bool:
    """Return whether the office requires a second factor: by its own decision, else by the platform's setting."""
    if office.second_factor_required is None:
        return bool(settings.OFFICE_SECOND_FACTOR)
    return office.second_factor_required


def build_annotations() -> dict[str, ExpressionWrapper[Q]]:
    """Return what `find_grace` reads of a member, for the query that finds the member."""
    if settings.OFFICE_SECOND_FACTOR:
        required = ~Q(Exists(OfficeSettings.objects.filter(second_factor_required=False)))
    else:
        required = Q(Exists(OfficeSettings.objects.filter(second_factor_required=True)))
    without = ~Q(second_factor.has_second_factor(OuterRef("user_id")))
    has_given = Q(pk__in=[])
    for condition in _gifts:
        has_given |= Q(condition())
    return {
        "lacks_second_factor": _as_boolean(_CONCERNED & required & without),
        "office_has_given": _as_boolean(has_given),
    }


def needs_enrolment(member: Member, *, at: datetime.datetime) -> bool:
    """Return whether an annotated member must enrol a second factor before any page of the office."""
    return vars(member)["lacks_second_factor"] and find_grace(member, at=at) is None


def find_grace(member: Member, *, at: datetime.datetime) -> GracePeriod | None:
    """Return how long an annotated member may still do without the second factor they need; None for no grace."""
    ends_at = member.joined_at + GRACE
    if not vars(member)["lacks_second_factor"] or vars(member)["office_has_given"] or ends_at <= at:
        return None
    return GracePeriod(ends_at, math.ceil((ends_at - at) / datetime.timedelta(days=1)))


def list_members_without() -> list[Member]:
    """Return the buyers and managers without a second factor, by name, whether or not the office requires one."""
    without = Member.objects.active().filter(_CONCERNED).exclude(second_factor.has_second_factor(OuterRef("user_id")))
    return list(without.select_related("user").order_by("user__last_name", "user__first_name", "pk"))


def _as_boolean(condition: Q) -> ExpressionWrapper[Q]:
    return ExpressionWrapper(condition, output_field=BooleanField())
