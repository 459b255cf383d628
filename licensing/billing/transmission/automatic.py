"""Transmission without a click, where the seller chose it."""

from __future__ import annotations

import datetime

from django.db.models import Exists, OuterRef

from licensing.billing.invoicing import list_undeposited
from licensing.billing.transmission.models import Transmission
from licensing.billing.transmission.operations import request_transmissions
from licensing.billing.transmission.platforms import list_configured_routes
from licensing.catalogue.models import Seller

#: How many are asked for at once; the next run takes the others.
_MOST = 200


def request_automatically(*, at: datetime.datetime) -> int:
    """Ask for all that is to be deposited to be sent, if the seller chose so; return how many.

    What a platform refused once waits for the operator.
    """
    if not Seller.objects.filter(transmits_automatically=True).exists():
        return 0
    asked = 0
    for route in list_configured_routes():
        refused = Exists(Transmission.objects.filter(invoice=OuterRef("pk")))
        waiting = list(list_undeposited(route).exclude(refused).values_list("pk", flat=True)[:_MOST])
        asked += request_transmissions(invoice_ids=waiting, by=None, at=at)
    return asked
