"""Queries about classes: who teaches them, their pages, and why the licence of one is unusable."""

import datetime
import enum
import hashlib
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Count, F, Q, QuerySet

from accounts.models import User
from core.calendar import date_in_paris
from licensing.classes.exceptions import ClassNotTaught
from licensing.classes.models import MAX_PUPILS, ClassInvitation, Classroom, PupilAccount, PupilHandover
from licensing.classes.pupil_erasure import get_erasure_date
from licensing.entitlements.models import Entitlement, EntitlementStatus, Seat, Subscription
from licensing.entitlements.wording import CANCELLED_SENTENCE, describe_account, format_long_date


class UnusableCase(enum.Enum):
    """Why a licence is unusable. Several cases share a code: `code` is what the application is told."""

    CANCELLED = "cancelled", "licence_ended"
    ENDED = "ended", "licence_ended"
    SUSPENDED = "suspended", "licence_suspended"
    UNPAID = "unpaid", "licence_suspended"
    PROVISIONAL_OVER = "provisional_over", "provisional_over"
    NOT_BEGUN = "not_begun", "licence_not_begun"

    @property
    def code(self) -> str:
        return self.value[1]


#: For the page of the class; `first_day`, `last_day` and `open_until` are those of the entitlement.
_CLASS_SENTENCES = {
    UnusableCase.CANCELLED: (
        f"{CANCELLED_SENTENCE}. La classe et ses élèves sont conservés jusqu’à la fin de l’année scolaire."
    ),
    UnusableCase.ENDED: (
        "La licence de cette classe était valable jusqu’au {last_day} inclus. Demandez à votre chef d’établissement une"
        " licence de la nouvelle année scolaire : elle permet d’emmener cette classe, ou d’en ouvrir une nouvelle."
    ),
    UnusableCase.SUSPENDED: (
        "La licence de cette classe est suspendue, et reprendra d’elle-même dès qu’elle sera rétablie. La classe et ses"
        " élèves sont conservés."
    ),
    UnusableCase.UNPAID: (
        "La commande de cette licence attend son règlement : la licence est suspendue, et reprendra d’elle-même dès "
        "qu’il sera reçu. La classe et ses élèves sont conservés."
    ),
    UnusableCase.PROVISIONAL_OVER: (
        "Les droits temporaires de cette licence ont pris fin le {open_until}, et sa commande attend son bon de "
        "commande signé ou son règlement : la licence reprendra d’elle-même dès qu’il sera reçu. La classe et ses "
        "élèves sont conservés."
    ),
    UnusableCase.NOT_BEGUN: (
        "Cette licence s’utilise à partir du {first_day} : revenez ce jour-là ouvrir votre classe et créer les comptes "
        "de vos élèves."
    ),
}
#: For a teacher at the entry of the learning application.
_ENTRY_SENTENCES = {
    UnusableCase.CANCELLED: f"{CANCELLED_SENTENCE}. Voyez avec votre chef d’établissement.",
    UnusableCase.ENDED: (
        "Votre licence était valable jusqu’au {last_day} inclus. Demandez à votre chef d’établissement une licence de "
        "la nouvelle année scolaire."
    ),
    UnusableCase.SUSPENDED: (
        "Votre licence est suspendue. Votre classe et vos élèves sont conservés, et tout reprendra de soi-même dès "
        "qu’elle sera rétablie."
    ),
    UnusableCase.UNPAID: (
        "Votre licence est suspendue : sa commande attend son règlement. Votre classe et vos élèves sont conservés, et "
        "tout reprendra de soi-même dès qu’il sera reçu."
    ),
    UnusableCase.PROVISIONAL_OVER: (
        "Les droits temporaires de votre licence ont pris fin le {open_until} : sa commande attend son règlement. "
        "Votre classe et vos élèves sont conservés, et tout reprendra de soi-même dès qu’il sera reçu."
    ),
    UnusableCase.NOT_BEGUN: "Votre licence s’utilise à partir du {first_day} : l’application s’ouvrira ce jour-là.",
}


def find_unusable_case(entitlement: Entitlement, day: datetime.date) -> UnusableCase | None:
    """Return why licences of an entitlement are unusable on a day, or None where they are usable.

    Consistent with `Subscription.objects.running_on`.
    """
    if entitlement.over_on(day):
        return UnusableCase.ENDED if entitlement.cancelled_at is None else UnusableCase.CANCELLED
    if not entitlement.suspended_on(day):
        return None if entitlement.begun_on(day) else UnusableCase.NOT_BEGUN
    if entitlement.status_on(day) is EntitlementStatus.LAPSED:
        return UnusableCase.PROVISIONAL_OVER
    return UnusableCase.UNPAID if entitlement.resumes_when_paid else UnusableCase.SUSPENDED


def format_class_refusal(case: UnusableCase, entitlement: Entitlement) -> str:
    """Return the French sentence for a teacher whose licence does not let them create accounts."""
    return _fill(_CLASS_SENTENCES[case], entitlement)


def format_entry_refusal(case: UnusableCase, entitlement: Entitlement) -> str:
    """Return the French sentence for a teacher whose licence does not let them into the application."""
    return _fill(_ENTRY_SENTENCES[case], entitlement)


def _fill(sentence: str, entitlement: Entitlement) -> str:
    return sentence.format(
        first_day=format_long_date(entitlement.first_day),
        last_day=format_long_date(entitlement.last_day),
        open_until=format_long_date(entitlement.open_until),
    )


#: Validity of an invitation to share a class.
INVITATION_DAYS = 7

NOT_TAUGHT_MESSAGE = (
    "Cette classe n’est pas la vôtre, ou ne l’est plus : sa licence a pu être attribuée à un autre enseignant. "
    "Revenez à la liste de vos classes."
)


def taught_by(user: User) -> Q:
    """Return the condition that the user teaches a class.

    They hold its seat, or were invited as second teacher by its current holder.
    """
    return Q(seat__holder=user) | Q(second_teacher=user, second_invited_by=F("seat__holder"))


def is_taught_by(classroom: Classroom, user: User) -> bool:
    """Whether the user teaches a class, with its seat, that is in memory: `taught_by` without a query."""
    holder = classroom.seat.holder_id
    is_second = classroom.second_teacher_id == user.pk and classroom.second_invited_by_id == holder
    return holder is not None and (holder == user.pk or is_second)


def get_taught_class(user: User, classroom_id: int) -> Classroom:
    """Return the class, with its seat, entitlement and teachers. Raises `ClassNotTaught`, also for a missing one."""
    classroom = (
        Classroom.objects.filter(taught_by(user), pk=classroom_id)
        .select_related("seat__holder", "seat__subscription__school", "seat__subscription__key__entitlement__product",
                        "second_teacher")
        .first()
    )  # fmt: skip
    if classroom is None:
        raise ClassNotTaught(NOT_TAUGHT_MESSAGE)
    return classroom


def get_second_teacher(classroom: Classroom) -> User | None:
    """Return the second teacher, or None; one invited by a former holder does not count."""
    is_current = (
        classroom.second_invited_by_id is not None and classroom.second_invited_by_id == classroom.seat.holder_id
    )
    return classroom.second_teacher if is_current else None


def is_inviting(classroom: Classroom, at: datetime.datetime) -> bool:
    """Whether an invitation to share the class was sent that may still be valid, whether or not it found somebody."""
    return classroom.invited_at is not None and at - classroom.invited_at < datetime.timedelta(days=INVITATION_DAYS)


def list_invitations(user: User, at: datetime.datetime) -> QuerySet[ClassInvitation]:
    """Return the invitations that the user can accept now, the latest first, with classes and inviters."""
    return (
        ClassInvitation.objects.filter(
            teacher=user,
            by=F("classroom__seat__holder"),
            created_at__gt=at - datetime.timedelta(days=INVITATION_DAYS),
        )
        .select_related("classroom__seat__subscription__school", "by")
        .order_by("-created_at")
    )


def list_pending_handovers(classroom: Classroom, at: datetime.datetime) -> QuerySet[PupilHandover]:
    """Return the codes of a class that a colleague may still type, each with the `size` of its pupils. One query."""
    return (
        PupilHandover.objects.filter(classroom=classroom, ended_at__isnull=True, expires_at__gt=at)
        .annotate(size=Count("pupils"))
        .order_by("expires_at", "pk")
    )


@dataclass
class ClassView:
    """A class as displayed to one of its teachers."""

    classroom: Classroom
    # By number; empty in a list of classes.
    pupils: list[PupilAccount]
    size: int
    # Why its licence is unusable now; None where it runs.
    unusable: UnusableCase | None
    # Whether the user holds the seat; else they are the second teacher.
    is_holder: bool
    # The « compte de rattachement ».
    account: str
    # Whether an invitation to share it that was sent may still be taken back, found or not.
    is_inviting: bool = False

    @property
    def free_places(self) -> int:
        """How many more accounts can be created."""
        return MAX_PUPILS - self.size

    @property
    def is_over(self) -> bool:
        return self.unusable in (UnusableCase.CANCELLED, UnusableCase.ENDED)

    @property
    def unusable_sentence(self) -> str:
        """Why its licence is unusable, in French; empty where it runs."""
        return format_class_refusal(self.unusable, self.entitlement) if self.unusable else ""

    @property
    def second(self) -> User | None:
        """The second teacher, if any."""
        return get_second_teacher(self.classroom)

    @property
    def entitlement(self) -> Entitlement:
        return self.classroom.seat.subscription.key.entitlement

    @property
    def state(self) -> str:
        """A version that changes with every account and password, to detect resubmitted or stale forms."""
        state = ";".join(f"{pupil.pk} {pupil.password_set_at.isoformat()}" for pupil in self.pupils)
        return hashlib.sha256(state.encode()).hexdigest()[:16]

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
    return [_build_view(classroom, [], cast("Any", classroom).size, user, at) for classroom in classrooms]


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


def get_class(classroom: Classroom, user: User, *, at: datetime.datetime) -> ClassView:
    """Return the view of a class that `get_taught_class` returned."""
    pupils = list(classroom.pupils.order_by("number"))
    return _build_view(classroom, pupils, len(pupils), user, at)


def _build_view(
    classroom: Classroom, pupils: list[PupilAccount], size: int, user: User, at: datetime.datetime
) -> ClassView:
    subscription = classroom.seat.subscription
    return ClassView(
        classroom,
        pupils,
        size,
        find_unusable_case(subscription.key.entitlement, date_in_paris(at)),
        is_holder=classroom.seat.holder_id == user.pk,
        account=describe_account(subscription),
        is_inviting=is_inviting(classroom, at),
    )
