"""Subscriptions bought in the shop: a key redeemed at once for the buyer.

The key is not e-mailed. The buyer reads it in « Mon compte » and hands it to teachers whom their school's list does not
show.
"""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts.models import Profile, User
from core.cells import get_cells
from licensing.entitlements import key_minting, seat_holders
from licensing.entitlements.models import ActivationKey, Entitlement, Seat, SeatMode, Subscription
from schools.models import Affiliation
from schools.principals import share_principals

#: Prefix of keys that no collectivity gave.
_KEY_PREFIX = "PEPS"


@transaction.atomic
def create_shop_subscription(
    *, entitlement: Entitlement, buyer: User, affiliation: Affiliation | None, units: int, at: datetime.datetime
) -> Subscription:
    """Create the key, subscription and seats of a shop order, credited to the buyer.

    `affiliation`: the school that the units are for; its other verified principals share them. A teacher buys for
    themselves: they hold the seat at once, and no school administers it. The entitlement alone says whether it may be
    used yet.
    """
    is_personal = buyer.profile == Profile.TEACHER
    school = None if is_personal or affiliation is None else affiliation.school_id
    # Exposed from the start: any buyer sees it, so that it verifies nobody.
    [number] = key_minting.mint(
        entitlement=entitlement, prefix=get_cells().mark + _KEY_PREFIX, demands=[(school, units, True)], at=at
    )
    ActivationKey.objects.filter(pk=number).update(redeemed_at=at, redeemed_by=buyer)
    share_principals(school)
    subscription = Subscription.objects.create(
        key_id=number, principal=buyer, school_id=school, size=units, opened_at=at
    )
    seats = Seat.objects.bulk_create(Seat(subscription=subscription, number=number) for number in range(1, units + 1))
    if is_personal:
        seat_holders.assign_seats(
            seats[:1], [buyer], SeatMode.BOUGHT, by=buyer, at=at, message="Vous détenez déjà cette licence."
        )
    return subscription
