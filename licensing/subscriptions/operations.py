"""What happens to keys, subscriptions and seats.

Each operation locks (key → subscription → seat, the order of the whole house), checks, changes, and queues what
others must be told, in one transaction; a refusal leaves everything as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F

from licensing.subscriptions.models import Seat, Subscription

if TYPE_CHECKING:
    import datetime

    from licensing.subscriptions.models import ActivationKey


@transaction.atomic
def grow(*, key: ActivationKey, units: int, at: datetime.datetime) -> None:  # noqa: ARG001 - the mail that tells it is dated
    """Add units to a key that the caller has locked, and, once it is redeemed, seats to its subscription.

    A second volume for a school from the same lot: nothing to retype, no second key.
    """
    if units < 1:
        raise ValueError(f"A key grows by at least one unit, not {units}.")
    key.units += units
    type(key).objects.filter(pk=key.pk).update(units=F("units") + units)
    if key.redeemed_at is None:
        return
    subscription = Subscription.objects.locked().get(key=key)
    Subscription.objects.filter(pk=subscription.pk).update(size=F("size") + units)
    Seat.objects.bulk_create(
        Seat(subscription=subscription, number=subscription.size + step) for step in range(1, units + 1)
    )
