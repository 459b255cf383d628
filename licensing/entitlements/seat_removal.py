"""Removal of seats that no teacher ever held: a shop order is credited in part, or a school gives licences back."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from core import formatting
from licensing.entitlements.exceptions import LicencesInUse
from licensing.entitlements.models import ActivationKey, Seat, SeatEvent, SeatQuerySet, Subscription


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
