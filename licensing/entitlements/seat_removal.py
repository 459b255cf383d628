"""Removal of seats that no teacher ever held, when a shop buyer's licences are taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from core import formatting
from licensing.entitlements.exceptions import LicencesInUse
from licensing.entitlements.models import ActivationKey, Seat, SeatEvent, Subscription

if TYPE_CHECKING:
    from licensing.entitlements.models import SeatQuerySet


def list_unused_seats(entitlement_id: int) -> SeatQuerySet:
    """Return the seats of an entitlement that are free and that nobody held: a class may hang on the others."""
    held_before = Exists(SeatEvent.objects.filter(seat=OuterRef("pk")))
    return Seat.objects.free().filter(~held_before, subscription__key__entitlement=entitlement_id)


@transaction.atomic
def remove_seats(*, entitlement_id: int, units: int) -> None:
    """Remove unused seats of a shop order's subscription; its key is worth as many units less.

    Raises `LicencesInUse` if fewer are unused.
    """
    # Lock order: key → subscription → seat.
    key = ActivationKey.objects.locked().get(entitlement=entitlement_id)
    subscription = Subscription.objects.locked().get(key=key)
    unused = list(list_unused_seats(entitlement_id).locked())
    if units > len(unused):
        used = formatting.pluralize(
            subscription.size - len(unused),
            "licence est déjà utilisée par un enseignant, réservée à un invité, ou garde une classe",
            "licences sont déjà utilisées par des enseignants, réservées à des invités, ou gardent une classe",
        )
        raise LicencesInUse(f"{used} : {formatting.number(len(unused))} au plus peuvent être reprises.")
    removed = sorted(unused, key=lambda seat: seat.number)[-units:]
    Seat.objects.filter(pk__in=[seat.pk for seat in removed]).delete()
    size = subscription.size - units
    # The seats that are left are numbered without a gap.
    gaps = [seat.number for seat in removed if seat.number <= size]
    for number, seat in zip(gaps, subscription.seats.filter(number__gt=size).order_by("number"), strict=True):
        Seat.objects.filter(pk=seat.pk).update(number=number)
    Subscription.objects.filter(pk=subscription.pk).update(size=F("size") - units)
    ActivationKey.objects.filter(pk=key.pk).update(units=F("units") - units)
