"""Whether what « Mon compte » shows about licences is still so: asked every few seconds by pages that are looked at.

One query of a few indexes, in the place of the nine that make the page. Whatever happens to a unit, a subscription, the
teachers of the school or an order changes it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.db.models import Count, Max, Subquery, Sum, Value

from accounts.models import Profile, User
from licensing.subscriptions.models import SeatEvent, Subscription
from licensing.subscriptions.queries import administers, today
from schools.models import Affiliation

if TYPE_CHECKING:
    import datetime

    from django.db.models import Aggregate, Model, QuerySet


def version(user: User, *, school: str, at: datetime.datetime) -> str:
    """Return a short mark of what this person's part about licences shows; the same as long as it shows the same."""
    if user.profile == Profile.PRINCIPAL:
        subscriptions = Subscription.objects.filter(administers(user))
        events = SeatEvent.objects.filter(seat__subscription__in=subscriptions.values("pk"))
    else:
        subscriptions = Subscription.objects.filter(seats__holder=user)
        events = SeatEvent.objects.filter(teacher=user)
    own = Affiliation.objects.filter(user=user)
    led = Affiliation.objects.filter(school__in=own.filter(verified_at__isnull=False).values("school"))
    seen = User.objects.filter(pk=user.pk).values_list(
        _one(events, Max("pk")),
        _one(subscriptions, Count("pk")),
        _one(subscriptions, Sum("size")),
        _one(subscriptions, Count("key__source__suspended_at")),
        _one(subscriptions, Count("key__source__cancelled_at")),
        _one(subscriptions, Max("key__source__provisional_until")),
        _one(subscriptions, Count("key__source__provisional_until")),
        _one(subscriptions, Max("key__source__unpaid_until")),
        _one(subscriptions, Count("key__source__unpaid_until")),
        _one(own, Max("verified_at")),
        _one(own, Max("pk")),
        _one(led, Max("pk")),
        _one(led, Count("pk")),
    )
    return hashlib.sha256(repr((school, today(at), seen.get())).encode()).hexdigest()[:20]


def _one[M: Model](rows: QuerySet[M], figure: Aggregate) -> Subquery:
    return Subquery(rows.order_by().values(one=Value(1)).annotate(figure=figure).values("figure"))
