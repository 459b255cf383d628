"""Accept the requests that rebalancings granted, once the hour to undo them is over.

Lock order: requests of schools → due work. Whoever undoes locks the requests first as well.
"""

from __future__ import annotations

import datetime
from itertools import groupby

from django.db import transaction

from accounts.models import User
from core.connections import connection
from jobs import due
from licensing.rebalancing.models import LicenceMove
from licensing.requests import operations as requests
from licensing.requests.models import LicenceRequest
from licensing.requests.operations import AcceptedRequest

#: Kind of the due work, and name of its task.
ANSWER_REQUESTS = "rebalancing.answer_requests"


@transaction.atomic
def answer_requests(*, at: datetime.datetime) -> int:
    """Accept what the current collectivity's rebalancings granted over an hour ago; return how many. Idempotent.

    In the name of whoever applied the rebalancing. Schedules itself for those whose hour runs.
    """
    granted = LicenceRequest.objects.filter(
        collectivity__schema_name=connection.schema_name, granted_until__isnull=False
    )
    over = granted.filter(granted_until__lte=at).values_list("pk", flat=True)
    moved = LicenceMove.objects.filter(request__in=list(over)).values_list("request_id", flat=True)
    # By now one may have been released, with what granted it, or withdrawn with an account.
    due_requests = {one.pk: one for one in requests.lock_granted([pk for pk in moved if pk is not None])}
    moves = LicenceMove.objects.filter(request__in=due_requests).select_related("allocation", "rebalancing")
    ordered = list(moves.order_by("rebalancing__applied_by_id", "request_id"))
    people = User.objects.in_bulk({one.rebalancing.applied_by_id for one in ordered} - {None})
    for number, group in groupby(ordered, key=lambda one: one.rebalancing.applied_by_id):
        found = list(group)
        accepted = [AcceptedRequest(due_requests[one.request_id], one.allocation_id) for one in found if one.request_id]
        addresses = {one.allocation.school_id: one.allocation.recipient for one in found}
        requests.accept_granted(accepted, addresses=addresses, by=people.get(number or 0), at=at)
    following = granted.order_by("granted_until").values_list("granted_until", flat=True).first()
    if following is not None:
        due.schedule(ANSWER_REQUESTS, connection.schema_name, following)
    return len(ordered)
