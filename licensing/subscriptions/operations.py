"""What happens to keys, subscriptions and seats.

Each operation locks (key → subscription → seat, the order of the whole house), checks, changes, and queues what
others must be told, in one transaction; a refusal leaves everything as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.db import IntegrityError, transaction
from django.db.models import F
from django.views.decorators.debug import sensitive_variables

from accounts.models import Profile, User
from licensing.subscriptions import keys, notices, sealing
from licensing.subscriptions.exceptions import (
    AlreadyRedeemed,
    AlreadyServed,
    KeyExpired,
    KeyOfAnotherSchool,
    KeyRevoked,
    KeySuspended,
    MistypedKey,
    NoSeatLeft,
    NotForThisProfile,
    NotVerified,
    NotYetRedeemed,
    NotYours,
    SchoolNotChosen,
    SeatHasChangedHands,
    TeacherOfAnotherSchool,
    UnknownKey,
    WithdrawnFromTeacher,
)
from licensing.subscriptions.models import ActivationKey, Seat, SeatEvent, SeatMode, Subscription
from licensing.subscriptions.queries import administers, administers_teachers_of, today
from licensing.subscriptions.wording import on_day, the_school
from schools import affiliations
from schools.models import Affiliation, Verification

if TYPE_CHECKING:
    import datetime

    from licensing.subscriptions.models import Source


@sensitive_variables("code", "symbols")
def redeem(*, code: str, by: User, at: datetime.datetime, school: str | None = None) -> Subscription:
    """Credit the principal's account with the units of the key he typed.

    `school`: the UAI he is working for, where he leads several and the key is meant for none of them in particular.
    A key that nobody but the school's official mailbox could know verifies the principal on the way. Raises a
    `Refused` that says what is wrong; a typo is told before any look-up.
    """
    symbols = _symbols(code)
    if by.profile != Profile.PRINCIPAL:
        raise NotForThisProfile("Seul un compte « Chef d'établissement » peut activer une clé pour son établissement.")
    return _redeem(symbols=symbols, by=by, at=at, school=school)


@sensitive_variables("symbols")
@transaction.atomic
def _redeem(*, symbols: str, by: User, at: datetime.datetime, school: str | None) -> Subscription:
    # The lock shuts out another principal, a revocation, a second volume, and whoever is letting the key be seen.
    key = (
        ActivationKey.objects.filter(sealed_code__in=sealing.candidates(symbols))
        .locked()
        # Not `redeemed_by`: after waiting for the lock, PostgreSQL reads this row anew, but not those joined to it.
        .select_related("source__collectivity", "school")
        .first()
    )
    if key is None:
        raise UnknownKey(
            "Cette clé n'existe pas. Comparez-la à celle de l'e-mail, groupe par groupe ; si elle est identique, "
            "répondez à cet e-mail pour le signaler."
        )
    _refuse_if_revoked(key)
    affiliation = _affiliation_for(key, by, school)
    if key.redeemed_at is not None:
        raise AlreadyRedeemed(_already(key, by))
    _refuse_if_over(key.source, at)
    key.redeemed_at, key.redeemed_by = at, by
    key.save(update_fields=["redeemed_at", "redeemed_by"])
    subscription = Subscription.objects.create(
        key=key, principal=by, school_id=affiliation.school_id, size=key.units, opened_at=at
    )
    Seat.objects.bulk_create(Seat(subscription=subscription, number=number + 1) for number in range(key.units))
    if key.exposed_at is None and affiliation.school_id == key.school_id and key.school_id is not None:
        affiliations.verify(affiliation=affiliation, means=Verification.KEY, at=at)
    notices.tell_collectivity(key, "redeemed", at)
    return subscription


@sensitive_variables("code", "symbols")
def claim(*, code: str, by: User, at: datetime.datetime) -> Seat:
    """Give the teacher who typed a key one of its units, whatever his school; tell his principal.

    Raises a `Refused` that says what is wrong; a typo is told before any look-up.
    """
    symbols = _symbols(code)
    if by.profile != Profile.TEACHER:
        raise NotForThisProfile("Seul un compte « Enseignant » peut recevoir une licence en saisissant sa clé.")
    return _claim(symbols=symbols, by=by, at=at)


@sensitive_variables("symbols")
@transaction.atomic
def _claim(*, symbols: str, by: User, at: datetime.datetime) -> Seat:
    key = (
        ActivationKey.objects.filter(sealed_code__in=sealing.candidates(symbols))
        .select_related("source__collectivity", "subscription__school", "subscription__principal")
        .first()
    )
    if key is None:
        raise UnknownKey(
            "Cette clé n'existe pas. Comparez-la à celle que votre chef d'établissement vous a transmise, "
            "groupe par groupe, ou demandez-lui de vous la renvoyer."
        )
    _refuse_if_revoked(key)
    _refuse_if_over(key.source, at)
    if key.redeemed_at is None:
        raise NotYetRedeemed(
            "Votre chef d'établissement n'a pas encore activé cette clé. Demandez-lui de la saisir dans son propre "
            "compte, puis revenez : elle vous attendra."
        )
    seat = _take(key.subscription, by, SeatMode.MANUAL, at, by=by)
    notices.tell_principal_claimed(seat, at)
    notices.tell_collectivity(key, "held", at)
    return seat


@transaction.atomic
def assign(*, subscription_id: int, teacher: User, by: User, at: datetime.datetime) -> Seat:
    """Give a teacher of the school one unit, active at once; tell him by e-mail.

    A principal who teaches may give himself one. Others must belong to the subscription's school, and the principal
    must be verified to reach into its list of teachers. Raises a `Refused`.
    """
    subscription = _administered(subscription_id, by)
    _refuse_if_over(subscription.key.source, at)
    if teacher.pk != by.pk:
        if teacher.profile != Profile.TEACHER:
            raise TeacherOfAnotherSchool("Une clé s'attribue à un compte « Enseignant » de votre établissement.")
        if not administers_teachers_of(by, subscription):
            raise NotVerified(
                "Votre direction de l'établissement n'est pas encore vérifiée : transmettez la clé à l'enseignant, "
                "qui la saisira dans son propre compte."
            )
        if not Affiliation.objects.filter(user=teacher, school=subscription.school_id).exists():
            # Unnamed: numbers typed at random must not spell out the people behind them.
            raise TeacherOfAnotherSchool(
                "Le compte de cet enseignant n'est pas rattaché à votre établissement : transmettez-lui la clé, il la "
                "saisira dans son propre compte."
            )
    seat = _take(subscription, teacher, SeatMode.AUTOMATIC, at, by=by)
    if teacher.pk != by.pk:
        notices.tell_teacher_given(seat, teacher, at)
    notices.tell_collectivity(subscription.key, "held", at)
    return seat


@transaction.atomic
def release(*, seat_id: int, by: User, at: datetime.datetime, holder_id: int | None = None) -> Seat:
    """Take a unit back from the teacher who holds it; the seat, with its class, waits for the next one.

    `holder_id`: who held it when the principal decided; refused where somebody else does by now. Releasing a free
    seat is the same as once. The teacher is told, and cannot retype the key.
    """
    subscription_id = Seat.objects.filter(pk=seat_id).values_list("subscription_id", flat=True).first()
    subscription = _administered(subscription_id, by)
    seat = Seat.objects.select_for_update(of=("self",), no_key=True).select_related("holder").get(pk=seat_id)
    seat.subscription = subscription
    if seat.holder is None:
        return seat
    if holder_id is not None and seat.holder_id != holder_id:
        raise SeatHasChangedHands("Cette licence a changé de main entre-temps : relisez la liste, puis recommencez.")
    teacher = seat.holder
    seat.holder, seat.held_since, seat.mode = None, None, ""
    seat.save(update_fields=["holder", "held_since", "mode"])
    SeatEvent.objects.create(seat=seat, kind=SeatEvent.Kind.WITHDRAWN, teacher=teacher, by=by, at=at)
    if teacher.pk != by.pk:
        notices.tell_teacher_withdrawn(seat, teacher, at)
    notices.tell_collectivity(subscription.key, "released", at)
    return seat


@transaction.atomic
def grow(*, key: ActivationKey, units: int, at: datetime.datetime) -> None:
    """Add units to a key that the caller has locked, and, once it is redeemed, seats to its subscription.

    A second volume for a school from the same lot: nothing to retype, no second key. The principal is told.
    """
    if units < 1:
        raise ValueError(f"A key grows by at least one unit, not {units}.")
    key.units += units
    ActivationKey.objects.filter(pk=key.pk).update(units=F("units") + units)
    if key.redeemed_at is None:
        return
    subscription = Subscription.objects.locked().select_related("principal").get(key=key)
    Subscription.objects.filter(pk=subscription.pk).update(size=F("size") + units)
    Seat.objects.bulk_create(
        Seat(subscription=subscription, number=subscription.size + step) for step in range(1, units + 1)
    )
    notices.tell_principal_grown(subscription, units, at)


@transaction.atomic
def expose(*, key_id: int, at: datetime.datetime) -> ActivationKey:
    """Note, before it happens, that somebody besides the school's official mailbox will know the key; return it.

    Redeeming it from now on proves nothing. Under the key's lock: a principal who is typing it at this moment either
    was first, and knew it from the mailbox, or sees it exposed.
    """
    key = ActivationKey.objects.locked().get(pk=key_id)
    if key.exposed_at is None:
        key.exposed_at = at
        key.save(update_fields=["exposed_at"])
    return key


@sensitive_variables("code")
def _symbols(code: str) -> str:
    try:
        return keys.parse(code)
    except keys.Typo as typo:
        raise MistypedKey(str(typo)) from None


def _refuse_if_revoked(key: ActivationKey) -> None:
    if key.revoked_at is not None:
        giver = key.source.collectivity.name if key.source.collectivity else "Pep's"
        raise KeyRevoked(
            f"Cette clé a été reprise le {on_day(key.revoked_at)} par {giver}, qui vous dira pourquoi : "
            "elle n'ouvre plus de droits."
        )


def _refuse_if_over(source: Source, at: datetime.datetime) -> None:
    if source.last_day < today(at):
        raise KeyExpired(
            f"Les licences de cette clé étaient valables jusqu'au {on_day(source.last_day)} inclus. "
            "Demandez une clé de la nouvelle année scolaire à qui vous l'avait envoyée."
        )
    if source.suspended_at is not None:
        giver = f"de {source.collectivity.name}" if source.collectivity else "qui a fourni cette clé"
        raise KeySuspended(
            f"La commande {giver} attend son règlement : ses licences sont suspendues, et reprendront d'elles-mêmes "
            "dès qu'il sera reçu. Rien n'est perdu."
        )


def _affiliation_for(key: ActivationKey, by: User, school: str | None) -> Affiliation:
    """Return the principal's attachment that the key credits, or refuse."""
    own = list(by.affiliations.select_related("school").order_by("since", "pk"))
    if key.school is None:
        chosen = [one for one in own if school is None or one.school_id == school]
        if not chosen:
            raise SchoolNotChosen("Indiquez d'abord votre établissement : la clé sera créditée pour lui.", None)
        return chosen[0]
    for one in own:
        if one.school_id == key.school_id:
            return one
    if all(one.school is None for one in own):
        raise SchoolNotChosen(
            f"Cette clé est destinée à l'établissement {the_school(key.school)}. Le vôtre n'a pas été choisi dans "
            "l'annuaire : s'il s'agit de celui-ci, rejoignez-le, et la clé sera activée.",
            key.school,
        )
    led = ", ".join(the_school(one.school) for one in own if one.school is not None)
    raise KeyOfAnotherSchool(
        f"Cette clé est destinée à l'établissement {the_school(key.school)} ; votre compte est rattaché à {led}. "
        "Si vous dirigez aussi cet établissement, ajoutez-le à votre compte ; sinon, transmettez-lui l'e-mail. "
        "La clé reste utilisable."
    )


def _already(key: ActivationKey, by: User) -> str:
    when = on_day(cast("datetime.datetime", key.redeemed_at))
    if key.redeemed_by_id == by.pk:
        return f"Vous avez déjà activé cette clé le {when} : ses licences sont dans vos abonnements."
    return (
        f"Cette clé a déjà été activée le {when} par {key.redeemed_by}, de votre établissement. "
        "Ses licences se gèrent depuis son compte, et depuis le vôtre une fois votre direction vérifiée."
    )


def _administered(subscription_id: int | None, by: User) -> Subscription:
    subscription = (
        Subscription.objects.filter(administers(by), pk__in=[subscription_id])
        .select_related("key__source__collectivity", "school", "principal")
        .first()
    )
    if subscription is None:
        raise NotYours("Cet abonnement n'est pas celui d'un établissement que vous dirigez.")
    return subscription


def _take(subscription: Subscription, teacher: User, mode: SeatMode, at: datetime.datetime, *, by: User) -> Seat:
    """Take a free seat for the teacher. Raises `AlreadyServed`, `WithdrawnFromTeacher`, `NoSeatLeft`."""
    yours = mode == SeatMode.MANUAL
    served = (
        "Vous détenez déjà une licence de cet abonnement : elle est active, il n'y a rien à saisir."
        if yours
        else f"{teacher} détient déjà une licence de cet abonnement."
    )
    # Held first, withdrawn second: a withdrawal that commits between the two is then seen by the second.
    if subscription.seats.filter(holder=teacher).exists():
        raise AlreadyServed(served)
    if yours and _was_withdrawn(subscription, teacher):
        raise WithdrawnFromTeacher(
            "Votre chef d'établissement vous a retiré cette licence : la clé ne peut pas être saisie à nouveau. "
            "Voyez avec lui s'il souhaite vous l'attribuer."
        )
    seat = subscription.seats.free().select_for_update(skip_locked=True).order_by("number").first()
    if seat is None:  # all taken, or one is locked by a holder who may yet roll back: wait for it before refusing
        seat = subscription.seats.free().select_for_update().order_by("number").first()
    if seat is None:
        size = subscription.seats.count()
        sentence = (
            "La seule licence de cet abonnement est déjà attribuée."
            if size == 1
            else f"Les {size} licences de cet abonnement sont déjà attribuées."
        )
        raise NoSeatLeft(
            sentence
            + (
                " Demandez à votre chef d'établissement d'en libérer une."
                if yours
                else " Retirez-en une, ou complétez."
            )
        )
    seat.holder, seat.held_since, seat.mode = teacher, at, mode
    try:
        with transaction.atomic():
            seat.save(update_fields=["holder", "held_since", "mode"])
    except IntegrityError as broken:
        # Given and typed at the same moment: the index, not the look above, decides who was first.
        if "seat_once_a_teacher" not in str(broken):
            raise
        raise AlreadyServed(served) from None
    kind = SeatEvent.Kind.CLAIMED if yours else SeatEvent.Kind.GIVEN
    SeatEvent.objects.create(seat=seat, kind=kind, teacher=teacher, by=by, at=at)
    seat.subscription = subscription
    return seat


def _was_withdrawn(subscription: Subscription, teacher: User) -> bool:
    last = (
        SeatEvent.objects.filter(seat__subscription=subscription, teacher=teacher)
        .order_by("-at", "-pk")
        .values_list("kind", flat=True)
        .first()
    )
    return last == SeatEvent.Kind.WITHDRAWN
