"""Version hash of the licences shown on « Mon compte », polled by open pages to detect changes.

One query on indexes instead of the nine that make the page. Any change to a seat, a subscription, the teachers of the
school or an order changes the hash.
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
    """Return a hash of what the user's page shows about licences."""
    if user.profile == Profile.PRINCIPAL:
        subscriptions = Subscription.objects.filter(administers(user))
        events = SeatEvent.objects.filter(seat__subscription__in=subscriptions.values("pk"))
    else:
        subscriptions = Subscription.objects.filter(seats__holder=user)
        events = SeatEvent.objects.filter(teacher=user)
    affiliations = Affiliation.objects.filter(user=user)
    colleagues = Affiliation.objects.filter(school__in=affiliations.filter(verified_at__isnull=False).values("school"))
    figures = User.objects.filter(pk=user.pk).values_list(
        _aggregate(events, Max("pk")),
        _aggregate(subscriptions, Count("pk")),
        _aggregate(subscriptions, Sum("size")),
        _aggregate(subscriptions, Count("key__source__suspended_at")),
        _aggregate(subscriptions, Count("key__source__cancelled_at")),
        _aggregate(subscriptions, Max("key__source__provisional_until")),
        _aggregate(subscriptions, Count("key__source__provisional_until")),
        _aggregate(subscriptions, Max("key__source__unpaid_until")),
        _aggregate(subscriptions, Count("key__source__unpaid_until")),
        _aggregate(affiliations, Max("verified_at")),
        _aggregate(affiliations, Max("pk")),
        _aggregate(colleagues, Max("pk")),
        _aggregate(colleagues, Count("pk")),
    )
    return hashlib.sha256(repr((school, today(at), figures.get())).encode()).hexdigest()[:20]


def _aggregate[M: Model](rows: QuerySet[M], aggregate: Aggregate) -> Subquery:
    return Subquery(rows.order_by().values(one=Value(1)).annotate(aggregate=aggregate).values("aggregate"))
