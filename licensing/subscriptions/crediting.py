"""What the shop credits: a key of its own, activated already, so that the units of an order are given like any others.

No e-mail carries that key and nobody types it to open the subscription: the buyer reads it in « Mon compte », and
hands it to the teachers whom the list of his school does not show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from accounts.models import Profile
from licensing.subscriptions import minting, seating
from licensing.subscriptions.models import ActivationKey, Seat, SeatMode, Subscription

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from licensing.subscriptions.models import Source
    from schools.models import Affiliation

#: Where the key comes from, as its reader sees it: no collectivity gave it.
PREFIX = "PEPS"


@transaction.atomic
def credit(
    *, source: Source, buyer: User, affiliation: Affiliation | None, units: int, at: datetime.datetime
) -> Subscription:
    """Credit the buyer's account with what he ordered: its key, activated in his name, and its seats.

    `affiliation`: the school that the units are for; its other verified principals share them. A teacher buys for
    himself: he holds his own unit at once, and no school administers it. Whether all this may be used yet is read from
    the source, as ever.
    """
    for_himself = buyer.profile == Profile.TEACHER
    school = None if for_himself or affiliation is None else affiliation.school_id
    # Exposed from its first day: the buyer sees it, whoever he is, and so it proves nothing about him.
    [number] = minting.mint(source=source, prefix=PREFIX, demands=[(school, units, True)], at=at)
    ActivationKey.objects.filter(pk=number).update(redeemed_at=at, redeemed_by=buyer)
    subscription = Subscription.objects.create(
        key_id=number, principal=buyer, school_id=school, size=units, opened_at=at
    )
    seats = Seat.objects.bulk_create(Seat(subscription=subscription, number=number) for number in range(1, units + 1))
    if for_himself:
        seating.hold(seats[:1], [buyer], SeatMode.BOUGHT, by=buyer, at=at, served="Vous détenez déjà cette licence.")
    return subscription
