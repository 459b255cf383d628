"""Who holds a seat: assignment by a principal, its undoing, and the removal of seats that nobody held."""

import datetime
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, F, OuterRef

from accounts.models import Profile, User
from core import formatting
from core.exceptions import Refusal
from core.formatting import pluralize
from core.registry import Registry
from core.telemetry import count_on_commit
from licensing.entitlements import key_checks, keys, notifications
from licensing.entitlements.exceptions import (
    AlreadyHoldsSeat,
    LicencesInUse,
    NoSeatLeft,
    SubscriptionNotAdministered,
    UndoTooLate,
)
from licensing.entitlements.models import ActivationKey, Seat, SeatEvent, SeatMode, SeatQuerySet, Subscription
from licensing.entitlements.queries import administered_by, may_see_teachers_of


def list_unused_seats() -> SeatQuerySet:
    """Return the seats that are free and that nobody ever held: a class may hang on the others."""
    return Seat.objects.free().filter(~Exists(SeatEvent.objects.filter(seat=OuterRef("pk"))))


@transaction.atomic
def remove_seats(*, key_id: int, units: int, kept_verb: str = "reprises") -> Subscription:
    """Remove unused seats of a redeemed key's subscription, and return it; the key is worth as many units less.

    `kept_verb`: what cannot be done with the others, a French participle. Raises `LicencesInUse` if fewer are unused.
    """
    # Lock order: key → subscription → seat.
    key = ActivationKey.objects.locked().get(pk=key_id)
    subscription = Subscription.objects.locked().get(key=key)
    unused = _lock_unused(subscription)
    if units > len(unused):
        used = formatting.pluralize(
            subscription.size - len(unused),
            "licence est déjà utilisée par un enseignant, réservée à un invité, ou garde une classe",
            "licences sont déjà utilisées par des enseignants, réservées à des invités, ou gardent une classe",
        )
        raise LicencesInUse(f"{used} : {formatting.number(len(unused))} au plus peuvent être {kept_verb}.")
    removed = sorted(unused, key=lambda seat: seat.number)[len(unused) - units :]
    Seat.objects.filter(pk__in=[seat.pk for seat in removed]).delete()
    size = subscription.size - units
    # The seats that are left are numbered without a gap.
    gaps = [seat.number for seat in removed if seat.number <= size]
    for number, seat in zip(gaps, subscription.seats.filter(number__gt=size).order_by("number"), strict=True):
        Seat.objects.filter(pk=seat.pk).update(number=number)
    Subscription.objects.filter(pk=subscription.pk).update(size=F("size") - units)
    ActivationKey.objects.filter(pk=key.pk).update(units=F("units") - units)
    subscription.size = size
    return subscription


def _lock_unused(subscription: Subscription) -> list[Seat]:
    """Lock the unused seats of a locked subscription, and return them."""
    locked = list(list_unused_seats().filter(subscription=subscription).locked())
    # Asked again: one that was claimed and released while the lock was waited for is free, and may keep a class.
    held = set(SeatEvent.objects.filter(seat__in=locked).values_list("seat_id", flat=True))
    return [seat for seat in locked if seat.pk not in held]


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
    """Raise `Refusal` unless this principal may see the teachers of the subscription's school."""
    if not may_see_teachers_of(by, subscription):
        raise Refusal(
            "not_verified",
            "Votre direction de l'établissement n'est pas encore vérifiée : transmettez la clé à l'enseignant, "
            "qui la saisira dans son propre compte.",
        )


def other_school_error(count: int = 1) -> Refusal:
    """Return the error for teachers who are not affiliated with the school.

    Unnamed, and the same where the account does not exist: guessed identifiers must disclose nobody.
    """
    if count > 1:
        return Refusal(
            "teacher_of_another_school",
            f"{count} des comptes cochés ne sont pas ceux d'enseignants rattachés à votre établissement : rechargez la "
            "page et recommencez. Rien n'a été attribué.",
        )
    return Refusal(
        "teacher_of_another_school",
        "Ce compte n'est pas celui d'un enseignant rattaché à votre établissement : transmettez-lui la clé, il la "
        "saisira dans son propre compte.",
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

    Raises `AlreadyHoldsSeat` or `NoSeatLeft`, and refuses whom the seat was taken from (`withdrawn`).
    """
    served = "Vous détenez déjà une licence de cet abonnement : elle est active, il n'y a rien à saisir."
    # In this order: a withdrawal that commits in between is seen by the second check.
    if subscription.seats.filter(holder=teacher).exists():
        raise AlreadyHoldsSeat(served)
    if was_withdrawn(subscription, teacher):
        raise Refusal(
            "withdrawn",
            "La direction de votre établissement vous a retiré cette licence : la clé ne peut pas être saisie à "
            "nouveau. Voyez avec elle si elle souhaite vous l'attribuer.",
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
        count_on_commit(keys.SEATS.labels(str(mode)), len(seats))
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


#: How long the page offers it.
UNDO_OFFERED_FOR = datetime.timedelta(seconds=10)


@transaction.atomic
def undo_assignments(*, seat_ids: Collection[int], by: User, at: datetime.datetime) -> list[User]:
    """Take seats back from the teachers whom this principal assigned them to a moment ago; return these teachers.

    The e-mails that would have told them are cancelled: they leave once it is too late to undo. Seats undone already
    are skipped. Raises a `DomainError`, having changed nothing: `UndoTooLate` after `notifications.UNDO_PERIOD`, or
    where somebody else acted since.
    """
    seats = list(Seat.objects.locked().filter(pk__in=seat_ids).select_related("holder").order_by("pk"))
    if not seats:
        raise _too_late_error()
    subscriptions: dict[int, Subscription] = {}
    undone, assigned_at = [], {}
    for seat in seats:
        if seat.subscription_id not in subscriptions:
            subscriptions[seat.subscription_id] = get_administered_subscription(seat.subscription_id, by)
        event = seat.events.order_by("-at", "-pk").first()
        if event is None or event.by_id != by.pk:
            raise _too_late_error()
        if event.kind == SeatEvent.Kind.UNDONE:
            continue
        if event.kind != SeatEvent.Kind.ASSIGNED or at > event.at + notifications.UNDO_PERIOD or seat.holder is None:
            raise _too_late_error()
        undone.append(seat)
        assigned_at[seat.pk] = event.at
    holders = [(seat, seat.holder) for seat in undone if seat.holder is not None]
    SeatEvent.objects.bulk_create(
        SeatEvent(seat=seat, kind=SeatEvent.Kind.UNDONE, teacher=teacher, by=by, at=at) for seat, teacher in holders
    )
    Seat.objects.filter(pk__in=[seat.pk for seat in undone]).update(holder=None, held_since=None, mode="")
    notifications.cancel_assignment_emails(undone, at)
    for moment in set(assigned_at.values()):
        tell_undone([teacher for seat, teacher in holders if assigned_at[seat.pk] == moment], moment)
    for pk in {seat.subscription_id for seat in undone}:
        notifications.notify_collectivity(subscriptions[pk].key, "released", at)
    return [teacher for _, teacher in holders]


def _too_late_error() -> UndoTooLate:
    return UndoTooLate(
        "Il est trop tard pour annuler : la licence reste donnée. « Retirer », à côté du nom, la reprend à tout moment."
    )


# Assignment of seats by a principal: to one or several teachers, or from one teacher to another.
#
# Assigning to several is all or nothing.

#: More than any school has: a larger request is forged.
_MAX_TEACHERS = 500


class SeatAssignments(NamedTuple):
    """Result of assigning seats to several teachers."""

    seats: list[Seat]
    # The selected teachers who held a seat of this subscription already.
    already: list[User]


def assign(*, subscription_id: int, teacher: User, by: User, at: datetime.datetime) -> Seat:
    """Assign one seat to a teacher of the school and notify them by e-mail.

    Principals may assign one to themselves. Other teachers must be affiliated with the subscription's school, and the
    principal verified for it. Raises a `DomainError`.
    """
    return assign_many(subscription_id=subscription_id, teacher_ids=[teacher.pk], by=by, at=at).seats[0]


@transaction.atomic
def assign_many(
    *, subscription_id: int, teacher_ids: Collection[int], by: User, at: datetime.datetime
) -> SeatAssignments:
    """Assign one seat to each of these teachers and notify them by e-mail, once it is too late to undo.

    Those who hold one already are skipped, and returned. Raises a `DomainError`, having changed nothing:
    `NoSeatLeft` where too few seats are free, `AlreadyHoldsSeat` where all the teachers hold one.
    """
    selected = set(teacher_ids)
    if not selected:
        raise Refusal("no_teacher_selected", "Cochez au moins une personne, puis donnez-lui une licence.")
    subscription = get_administered_subscription(subscription_id, by)
    key_checks.check_available(subscription.key.entitlement, by, at)
    teachers = _get_eligible(selected, subscription, by)
    # Serialises concurrent principals. Teachers who claim a seat do not wait: they skip locked seats.
    Subscription.objects.locked().get(pk=subscription.pk)
    result = _assign_free_seats(subscription, teachers, by, at)
    for seat in result.seats:
        seat.subscription = subscription
    notifications.notify_teachers_of_assignment(
        [seat for seat in result.seats if seat.holder_id != by.pk], at, due_at=at + notifications.UNDO_PERIOD
    )
    notifications.notify_collectivity(subscription.key, "held", at)
    return result


@transaction.atomic
def replace(*, seat_id: int, holder_id: int, successor_id: int, by: User, at: datetime.datetime) -> Seat:
    """Transfer a seat, with its class, from its holder to another teacher, and notify both.

    `holder_id`: the expected holder. Raises a `DomainError`, having changed nothing.
    """
    subscription_id = Seat.objects.filter(pk=seat_id).values_list("subscription_id", flat=True).first()
    subscription = get_administered_subscription(subscription_id, by)
    key_checks.check_available(subscription.key.entitlement, by, at)
    [successor] = _get_eligible({successor_id}, subscription, by)
    Subscription.objects.locked().get(pk=subscription.pk)
    seat = Seat.objects.locked().select_related("holder").get(pk=seat_id)
    seat.subscription = subscription
    leaving = seat.holder
    if leaving is None or leaving.pk != holder_id:
        raise Refusal(
            "seat_reassigned", "Cette licence a changé de main entre-temps : relisez la liste, puis recommencez."
        )
    served = f"{_subject_and_verb(successor, by)} déjà une licence de cet abonnement : choisissez quelqu'un d'autre."
    if subscription.seats.filter(holder=successor).exists():
        raise AlreadyHoldsSeat(served)
    SeatEvent.objects.create(seat=seat, kind=SeatEvent.Kind.WITHDRAWN, teacher=leaving, by=by, at=at)
    assign_seats([seat], [successor], SeatMode.AUTOMATIC, by=by, at=at, message=served)
    if leaving.pk != by.pk:
        notifications.notify_teacher_of_withdrawal(seat, leaving, at)
    notifications.notify_teachers_of_assignment([seat] if successor.pk != by.pk else [], at)
    # No event for the collectivity: the number of held seats is unchanged.
    return seat


def _get_eligible(selected: set[int], subscription: Subscription, by: User) -> list[User]:
    """Return the selected teachers ordered by name. Raises `Refusal`."""
    others = selected - {by.pk}
    teachers: dict[int, User] = {}
    if others:
        check_may_see_teachers(subscription, by)
        teachers = find_teachers(others, subscription) if len(others) <= _MAX_TEACHERS else {}
        if len(teachers) < len(others):
            raise other_school_error(len(others) - len(teachers))
    if by.pk in selected:
        teachers[by.pk] = by
    return sorted(teachers.values(), key=lambda teacher: (teacher.last_name, teacher.first_name, teacher.pk))


def _assign_free_seats(
    subscription: Subscription, teachers: list[User], by: User, at: datetime.datetime
) -> SeatAssignments:
    served = "Ces enseignants saisissent la clé eux-mêmes en ce moment : relisez la liste, puis recommencez."
    for _ in range(len(teachers) + 1):
        # Lock seats before reading holders: while waiting for a lock, one of these teachers may have claimed a seat.
        free = subscription.seats.free().by_assignment_priority().select_for_update(of=("self",), no_key=True)
        seats = list(free[: len(teachers)])
        holders = set(subscription.seats.filter(holder__in=teachers).values_list("holder_id", flat=True))
        already = [teacher for teacher in teachers if teacher.pk in holders]
        remaining = [teacher for teacher in teachers if teacher.pk not in holders]
        if not remaining:
            raise AlreadyHoldsSeat(_all_hold_one_message(already, by))
        if len(seats) < len(remaining):
            raise NoSeatLeft(_too_few_seats_message(subscription, len(remaining), len(seats)))
        assigned = seats[: len(remaining)]
        try:
            assign_seats(assigned, remaining, SeatMode.AUTOMATIC, by=by, at=at, message=served)
        except AlreadyHoldsSeat:
            # One of them claimed a seat since the holders were read: retry without them.
            continue
        return SeatAssignments(assigned, already)
    raise AlreadyHoldsSeat(served)


def _subject_and_verb(teacher: User, by: User) -> str:
    return "Vous détenez" if teacher.pk == by.pk else f"{teacher} détient"


def _all_hold_one_message(already: list[User], by: User) -> str:
    if len(already) == 1:
        return f"{_subject_and_verb(already[0], by)} déjà une licence de cet abonnement : il n'y a rien à attribuer."
    return (
        f"Les {len(already)} enseignants cochés détiennent déjà une licence de cet abonnement : "
        "il n'y a rien à attribuer."
    )


def _too_few_seats_message(subscription: Subscription, wanted: int, free: int) -> str:
    if free == 0:
        return (
            f"{no_seat_left_message(subscription)} Retirez-en une à un enseignant qui n'en a plus besoin,"
            " ou complétez dans la boutique."
        )
    return (
        f"Vous avez coché {wanted} enseignants et il reste {pluralize(free, 'licence')} dans cet abonnement :"
        f" décochez-en {wanted - free}, et recommencez. Rien n'a été attribué."
    )
