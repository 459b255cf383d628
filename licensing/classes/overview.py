"""Read models of a teacher's class pages, in a constant number of queries."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Count

from accounts.models import User
from core.calendar import date_in_paris
from licensing.classes.licence_status import LicenceUnusable, check_unusable
from licensing.classes.models import MAX_PUPILS, Classroom, PupilAccount
from licensing.classes.pupil_erasure import get_erasure_date
from licensing.classes.queries import get_second_teacher, is_inviting, taught_by
from licensing.entitlements.models import Entitlement, Seat, Subscription
from licensing.entitlements.wording import describe_account


@dataclass
class ClassView:
    """A class as displayed to one of its teachers."""

    classroom: Classroom
    pupils: int
    # Why its licence is unusable now; None where it runs.
    unusable: LicenceUnusable | None
    # Whether the user holds the seat; else they are the second teacher.
    is_holder: bool
    # The « compte de rattachement ».
    account: str
    # Whether an invitation to share it that was sent may still be taken back, found or not.
    is_inviting: bool = False

    @property
    def free_places(self) -> int:
        """How many more accounts can be created."""
        return MAX_PUPILS - self.pupils

    @property
    def is_over(self) -> bool:
        return self.unusable is not None and self.unusable.reason == "licence_ended"

    @property
    def second(self) -> User | None:
        """The second teacher, if any."""
        return get_second_teacher(self.classroom)

    @property
    def entitlement(self) -> Entitlement:
        return self.classroom.seat.subscription.key.entitlement

    @property
    def erased_from(self) -> datetime.date:
        """The day from which its pupils' accounts are erased."""
        return get_erasure_date(self.entitlement.last_day)


_RELATED = (
    "seat__holder",
    "second_teacher",
    "seat__subscription__school",
    "seat__subscription__principal",
    "seat__subscription__key__entitlement",
)


def list_classes(user: User, *, at: datetime.datetime) -> list[ClassView]:
    """Return the classes that a user teaches, the latest year first."""
    classrooms = (
        Classroom.objects.filter(taught_by(user))
        .select_related(*_RELATED)
        .annotate(size=Count("pupils"))
        .order_by("-seat__subscription__key__entitlement__last_day", "name", "pk")
    )
    return [_build_view(classroom, cast("Any", classroom).size, user, at) for classroom in classrooms]


def list_seats_without_class(user: User, *, at: datetime.datetime) -> list[Seat]:
    """Return the seats of a user that have no class yet, those that have not begun included."""
    available = Subscription.objects.available_on(date_in_paris(at))
    return list(
        Seat.objects.filter(holder=user, classroom__isnull=True, subscription__in=available)
        .select_related(
            "subscription__school",
            "subscription__principal",
            "subscription__key__entitlement__product",
            "subscription__key__entitlement__collectivity",
        )
        .order_by("held_since", "pk")
    )


def get_class(classroom: Classroom, user: User, *, at: datetime.datetime) -> tuple[ClassView, list[PupilAccount]]:
    """Return the view of a class that `get_taught_class` returned, and its pupils by number."""
    pupils = list(classroom.pupils.order_by("number"))
    return _build_view(classroom, len(pupils), user, at), pupils


def _build_view(classroom: Classroom, pupils: int, user: User, at: datetime.datetime) -> ClassView:
    subscription = classroom.seat.subscription
    return ClassView(
        classroom,
        pupils,
        check_unusable(subscription.key.entitlement, at),
        is_holder=classroom.seat.holder_id == user.pk,
        account=describe_account(subscription),
        is_inviting=is_inviting(classroom, at),
    )


def compute_roster_version(pupils: Collection[PupilAccount]) -> str:
    """Return a version that changes with every account and password, to detect resubmitted or stale forms."""
    state = ";".join(f"{pupil.pk} {pupil.password_set_at.isoformat()}" for pupil in pupils)
    return hashlib.sha256(state.encode()).hexdigest()[:16]
