"""Operations on keys, subscriptions and seats.

Each runs in one transaction: lock (in the global order: key → subscription → seat), check, change, queue notifications.
An exception leaves everything unchanged.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts.models import Profile, User
from core.telemetry import count_on_commit
from licensing.entitlements import code_sealing, key_checks, metrics, notifications, seat_holders
from licensing.entitlements.exceptions import (
    NotForThisProfile,
    SeatHasChangedHands,
)
from licensing.entitlements.models import ActivationKey, Seat, SeatEvent, Subscription
from licensing.entitlements.seat_assignment import assign, assign_many, replace
from schools import affiliations
from schools.models import Verification
from schools.principals import share_principals

__all__ = ["assign", "assign_many", "claim", "expose", "redeem", "release", "replace"]


@sensitive_variables("code", "symbols")
def redeem(*, code: str, by: User, at: datetime.datetime, school: str | None = None) -> Subscription:
    """Redeem a key: credit the principal's account with a subscription of its units.

    `school`: the UAI to credit, for a principal of several schools and a key meant for none in particular. A key that
    only the school's official mailbox could know also verifies the principal. Raises a `LicensingError`;
    `MistypedKey` before any look-up.
    """
    symbols = key_checks.parse_code(code)
    if by.profile != Profile.PRINCIPAL:
        raise NotForThisProfile("Seul un compte « Chef d'établissement » peut activer une clé pour son établissement.")
    return _redeem(symbols=symbols, by=by, at=at, school=school)


@sensitive_variables("symbols")
@transaction.atomic
def _redeem(*, symbols: str, by: User, at: datetime.datetime, school: str | None) -> Subscription:
    # The lock excludes a concurrent redemption, revocation, growth or exposure of the key.
    key = (
        ActivationKey.objects.filter(sealed_code__in=code_sealing.seal_under_all_keys(symbols))
        .locked()
        # Not `redeemed_by`: after waiting for the lock, PostgreSQL rereads the locked row, but not joined rows.
        .select_related("entitlement__collectivity", "school")
        .first()
    )
    if key is None:
        raise key_checks.unknown_key_error(by)
    key_checks.check_not_revoked(key, by)
    affiliation = key_checks.get_credited_affiliation(key, by, school)
    if key.redeemed_at is not None:
        raise key_checks.already_redeemed_error(key, by)
    key_checks.check_available(key.entitlement, by, at)
    key.redeemed_at, key.redeemed_by = at, by
    key.save(update_fields=["redeemed_at", "redeemed_by"])
    share_principals(affiliation.school_id)
    subscription = Subscription.objects.create(
        key=key, principal=by, school_id=affiliation.school_id, size=key.units, opened_at=at
    )
    Seat.objects.bulk_create(Seat(subscription=subscription, number=number + 1) for number in range(key.units))
    if key.exposed_at is None and affiliation.school_id == key.school_id and key.school_id is not None:
        affiliations.verify(affiliation=affiliation, means=Verification.KEY, at=at, proof_sent_at=key.issued_at)
    notifications.notify_collectivity(key, "redeemed", at)
    count_on_commit(metrics.REDEEMED_KEYS)
    count_on_commit(metrics.REDEEMED_UNITS, key.units)
    return subscription


@sensitive_variables("code", "symbols")
def claim(*, code: str, by: User, at: datetime.datetime) -> Seat:
    """Claim a seat: assign a free seat of a redeemed key to the teacher who typed it.

    Teachers of any school may. The principals are notified. Raises a `LicensingError`; `MistypedKey` before any
    look-up.
    """
    symbols = key_checks.parse_code(code)
    if by.profile != Profile.TEACHER:
        raise NotForThisProfile("Seul un compte « Enseignant » peut recevoir une licence en saisissant sa clé.")
    return _claim(symbols=symbols, by=by, at=at)


@sensitive_variables("symbols")
@transaction.atomic
def _claim(*, symbols: str, by: User, at: datetime.datetime) -> Seat:
    key = (
        ActivationKey.objects.filter(sealed_code__in=code_sealing.seal_under_all_keys(symbols))
        .select_related("entitlement__collectivity", "subscription__school", "subscription__principal")
        .first()
    )
    if key is None:
        raise key_checks.unknown_key_error(by)
    key_checks.check_not_revoked(key, by)
    key_checks.check_available(key.entitlement, by, at)
    if key.redeemed_at is None:
        raise key_checks.not_yet_redeemed_error()
    seat = seat_holders.take_free_seat(key.subscription, by, at)
    notifications.notify_principals_of_claim(seat, at)
    notifications.notify_collectivity(key, "held", at)
    return seat


@transaction.atomic
def release(*, seat_id: int, by: User, at: datetime.datetime, holder_id: int | None = None) -> Seat:
    """Withdraw a seat from its holder; it is free again, with its class.

    `holder_id`: the expected holder; raises `SeatHasChangedHands` where it is somebody else. Idempotent. The teacher is
    notified, and cannot claim a seat of this key again.
    """
    subscription_id = Seat.objects.filter(pk=seat_id).values_list("subscription_id", flat=True).first()
    subscription = seat_holders.get_administered_subscription(subscription_id, by)
    seat = Seat.objects.locked().select_related("holder").get(pk=seat_id)
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
        notifications.notify_teacher_of_withdrawal(seat, teacher, at)
    notifications.notify_collectivity(subscription.key, "released", at)
    return seat


@transaction.atomic
def expose(*, key_id: int, at: datetime.datetime) -> ActivationKey:
    """Record that somebody besides the school's official mailbox is about to know the key; return it.

    Redeeming it from now on verifies nobody. Locks the key: a concurrent redemption happens before or sees it exposed.
    """
    key = ActivationKey.objects.locked().get(pk=key_id)
    if key.exposed_at is None:
        key.exposed_at = at
        key.save(update_fields=["exposed_at"])
    return key
