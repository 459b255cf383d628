"""Read models of a teacher's class pages, in a constant number of queries."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.db.models import Count

from licensing.classes.models import MOST_PUPILS, Classroom, PupilAccount
from licensing.classes.queries import second_teacher_of, taught_by
from licensing.classes.running import why_not
from licensing.subscriptions.models import Seat, Subscription
from licensing.subscriptions.queries import today
from licensing.subscriptions.wording import provenance

if TYPE_CHECKING:
    from collections.abc import Collection

    from accounts.models import User
    from licensing.classes.running import Stop
    from licensing.subscriptions.models import Source


@dataclass
class ClassView:
    """A class as displayed to one of its teachers."""

    classroom: Classroom
    pupils: int
    # Why its licence is unusable now; None where it runs.
    stop: Stop | None
    # Whether the user holds the seat; else they are the second teacher.
    own: bool
    # The « compte de rattachement ».
    account: str

    @property
    def places(self) -> int:
        """How many more accounts can be created."""
        return MOST_PUPILS - self.pupils

    @property
    def over(self) -> bool:
        return self.stop is not None and self.stop.reason == "licence_ended"

    @property
    def second(self) -> User | None:
        """The second teacher, if any."""
        return second_teacher_of(self.classroom)

    @property
    def source(self) -> Source:
        return self.classroom.seat.subscription.key.source

    @property
    def erased_from(self) -> datetime.date:
        """The day from which its pupils' accounts are erased."""
        return self.source.last_day + datetime.timedelta(days=settings.PUPILS_KEPT_DAYS + 1)


_RELATED = (
    "seat__holder",
    "second_teacher",
    "seat__subscription__school",
    "seat__subscription__principal",
    "seat__subscription__key__source",
)


def classes_of(user: User, *, at: datetime.datetime) -> list[ClassView]:
    """Return the classes that a user teaches, the latest year first."""
    classrooms = (
        Classroom.objects.filter(taught_by(user))
        .select_related(*_RELATED)
        .annotate(size=Count("pupils"))
        .order_by("-seat__subscription__key__source__last_day", "name", "pk")
    )
    return [_build_view(classroom, cast("Any", classroom).size, user, at) for classroom in classrooms]


def seats_without_class(user: User, *, at: datetime.datetime) -> list[Seat]:
    """Return the running seats of a user that have no class yet."""
    running = Subscription.objects.running_on(today(at))
    return list(
        Seat.objects.filter(holder=user, classroom__isnull=True, subscription__in=running)
        .select_related(
            "subscription__school", "subscription__key__source__product", "subscription__key__source__collectivity"
        )
        .order_by("held_since", "pk")
    )


def one_class(classroom: Classroom, user: User, *, at: datetime.datetime) -> tuple[ClassView, list[PupilAccount]]:
    """Return the view of a class that `may_teach` returned, and its pupils by number."""
    pupils = list(classroom.pupils.order_by("number"))
    for pupil in pupils:
        pupil.classroom = classroom  # Saves a query: `login` reads the class's code.
    return _build_view(classroom, len(pupils), user, at), pupils


def _build_view(classroom: Classroom, pupils: int, user: User, at: datetime.datetime) -> ClassView:
    subscription = classroom.seat.subscription
    return ClassView(
        classroom,
        pupils,
        why_not(subscription.key.source, at),
        own=classroom.seat.holder_id == user.pk,
        account=provenance(subscription),
    )


def roster_state(pupils: Collection[PupilAccount]) -> str:
    """Return a version that changes with every account and password, to detect resubmitted or stale forms."""
    state = ";".join(f"{pupil.pk} {pupil.password_set_at.isoformat()}" for pupil in pupils)
    return hashlib.sha256(state.encode()).hexdigest()[:16]
