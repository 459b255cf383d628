"""Seat access and assignment, shared by the operations that assign, claim and replace."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from django.db import IntegrityError, transaction
from django.db.models import Count

from accounts.models import Profile, User
from core.registry import Registry
from core.telemetry import count_on_commit
from licensing.entitlements import metrics
from licensing.entitlements.exceptions import (
    AlreadyHoldsSeat,
    NoSeatLeft,
    PrincipalNotVerified,
    SubscriptionNotAdministered,
    TeacherOfAnotherSchool,
    WithdrawnFromTeacher,
)
from licensing.entitlements.models import Seat, SeatEvent, SeatMode, Subscription
from licensing.entitlements.queries import administered_by, may_see_teachers_of

#: Called with the teachers who have just received a seat of a subscription, in the same transaction.
type SeatListener = Callable[[Subscription, Sequence[User], datetime.datetime], None]
#: Called with the teachers whose assignment was undone and the moment they had been assigned, as above.
type UndoListener = Callable[[Sequence[User], datetime.datetime], None]


#: By app above this one, what follows each assignment, and each that was undone.
seat_listeners: Registry[SeatListener] = Registry("listener of assignments")
undo_listeners: Registry[UndoListener] = Registry("listener of undone assignments")


def tell_undone(teachers: Sequence[User], assigned_at: datetime.datetime) -> None:
    """Call the listeners: an assignment of that moment to these teachers was undone."""
    for listener in undo_listeners.values():
        listener(teachers, assigned_at)


def get_administered_subscription(subscription_id: int | None, by: User) -> Subscription:
    """Return a subscription that this principal administers.

    Raises `SubscriptionNotAdministered`, also if there is none.
    """
    subscription = (
        Subscription.objects.filter(administered_by(by), pk__in=[subscription_id])
        .select_related("key__entitlement__collectivity", "school", "principal")
        .first()
    )
    if subscription is None:
        raise SubscriptionNotAdministered("Cet abonnement n'est pas celui d'un établissement que vous dirigez.")
    return subscription


def check_may_see_teachers(subscription: Subscription, by: User) -> None:
    """Raise `PrincipalNotVerified` unless this principal may see the teachers of the subscription's school."""
    if not may_see_teachers_of(by, subscription):
        raise PrincipalNotVerified(
            "Votre direction de l'établissement n'est pas encore vérifiée : transmettez la clé à l'enseignant, "
            "qui la saisira dans son propre compte."
        )


def other_school_error(count: int = 1) -> TeacherOfAnotherSchool:
    """Return the error for teachers who are not affiliated with the school.

    Unnamed, and the same where the account does not exist: guessed identifiers must disclose nobody.
    """
    if count > 1:
        return TeacherOfAnotherSchool(
            f"{count} des comptes cochés ne sont pas ceux d'enseignants rattachés à votre établissement : rechargez la "
            "page et recommencez. Rien n'a été attribué."
        )
    return TeacherOfAnotherSchool(
        "Ce compte n'est pas celui d'un enseignant rattaché à votre établissement : transmettez-lui la clé, il la "
        "saisira dans son propre compte."
    )


def find_teachers(user_ids: set[int], subscription: Subscription) -> dict[int, User]:
    """Return those of the users who are teachers of the subscription's school, by primary key."""
    if subscription.school_id is None:
        return {}
    return User.objects.filter(
        profile=Profile.TEACHER, is_active=True, affiliations__school=subscription.school_id
    ).in_bulk(user_ids)


def take_free_seat(subscription: Subscription, teacher: User, at: datetime.datetime) -> Seat:
    """Assign a free seat to the teacher who typed the key.

    Raises `AlreadyHoldsSeat`, `WithdrawnFromTeacher`, `NoSeatLeft`.
    """
    served = "Vous détenez déjà une licence de cet abonnement : elle est active, il n'y a rien à saisir."
    # In this order: a withdrawal that commits in between is seen by the second check.
    if subscription.seats.filter(holder=teacher).exists():
        raise AlreadyHoldsSeat(served)
    if was_withdrawn(subscription, teacher):
        raise WithdrawnFromTeacher(
            "La direction de votre établissement vous a retiré cette licence : la clé ne peut pas être saisie à "
            "nouveau. Voyez avec elle si elle souhaite vous l'attribuer."
        )
    seat = lock_free_seat(subscription)
    if seat is None:
        remedy = "d'en libérer une" if subscription.seats.exists() else "s'il en attend d'autres"
        raise NoSeatLeft(f"{no_seat_left_message(subscription)} Demandez à votre chef d'établissement {remedy}.")
    assign_seats([seat], [teacher], SeatMode.MANUAL, by=teacher, at=at, message=served)
    seat.subscription = subscription
    return seat


def lock_free_seat(subscription: Subscription) -> Seat | None:
    """Lock a free seat and return it; None where none is left."""
    free = subscription.seats.free()
    with transaction.atomic():
        seat = free.by_assignment_priority().select_for_update(skip_locked=True).first()
        if seat is None:
            # PostgreSQL keeps the lock of a seat that was taken between the look and the lock. Two who keep some and
            # wait for others would wait for each other: they are given back.
            transaction.set_rollback(True)
    if seat is None:  # all taken, or one is locked by a holder who may yet roll back: wait for it before refusing
        # By number, as everybody who waits: priorities change while they do.
        seat = free.order_by("number").select_for_update().first()
    return seat


def no_seat_left_message(subscription: Subscription) -> str:
    """Return the message that no seat is left."""
    counts = subscription.seats.aggregate(size=Count("pk"), reserved=Count("reserved_at"))
    if not counts["size"]:
        return "L'établissement a rendu toutes les licences de cette clé à la collectivité qui les avait données."
    if counts["size"] == 1:
        return f"La seule licence de cet abonnement est déjà {'réservée' if counts['reserved'] else 'attribuée'}."
    reserved = ", ou réservées à des personnes invitées" if counts["reserved"] else ""
    return f"Les {counts['size']} licences de cet abonnement sont déjà attribuées{reserved}."


def assign_seats(
    seats: list[Seat], teachers: list[User], mode: SeatMode, *, by: User, at: datetime.datetime, message: str
) -> None:
    """Assign the seats, which the caller has locked, to the teachers, one each.

    Raises `AlreadyHoldsSeat` with the message, having written nothing, where one of them holds another seat of the
    subscription: the unique index decides between a concurrent assignment and claim.
    """
    for seat, teacher in zip(seats, teachers, strict=True):
        seat.holder, seat.held_since, seat.mode, seat.reserved_at = teacher, at, mode, None
    try:
        with transaction.atomic():
            Seat.objects.bulk_update(seats, ["holder", "held_since", "mode", "reserved_at"])
    except IntegrityError as error:
        if "seat_once_a_teacher" not in str(error):
            raise
        raise AlreadyHoldsSeat(message) from None
    kind = SeatEvent.Kind.CLAIMED if mode == SeatMode.MANUAL else SeatEvent.Kind.ASSIGNED
    SeatEvent.objects.bulk_create(
        SeatEvent(seat=seat, kind=kind, teacher=teacher, by=by, at=at)
        for seat, teacher in zip(seats, teachers, strict=True)
    )
    if seats:
        count_on_commit(metrics.SEATS.labels(str(mode)), len(seats))
    for listener in seat_listeners.values() if seats else ():
        listener(seats[0].subscription, teachers, at)


def was_withdrawn(subscription: Subscription, teacher: User) -> bool:
    """Whether the teacher's last event in this subscription is a withdrawal."""
    last = (
        SeatEvent.objects.filter(seat__subscription=subscription, teacher=teacher)
        .order_by("-at", "-pk")
        .values_list("kind", flat=True)
        .first()
    )
    return last == SeatEvent.Kind.WITHDRAWN
