"""Version hash of the licences shown on « Mon compte », polled by open pages to detect changes.

One query on indexes instead of the nine that make the page. Any change to a seat, a subscription, the teachers of the
school or an order changes the hash.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.db.models import Count, Max, Subquery, Sum, Value

from accounts.models import Profile, User
from core.calendar import date_in_paris
from licensing.entitlements.models import Seat, SeatEvent, Subscription
from licensing.entitlements.queries import administered_by
from schools.models import Affiliation

if TYPE_CHECKING:
    import datetime

    from django.db.models import Aggregate, Model, QuerySet


def compute_version(user: User, *, school: str, at: datetime.datetime) -> str:
    """Return a hash of what the user's page shows about licences."""
    if user.profile == Profile.PRINCIPAL:
        subscriptions = Subscription.objects.filter(administered_by(user))
        events = SeatEvent.objects.filter(seat__subscription__in=subscriptions.values("pk"))
    else:
        subscriptions = Subscription.objects.filter(seats__holder=user)
        events = SeatEvent.objects.filter(teacher=user)
    opened = Seat.objects.filter(subscription__in=subscriptions.values("pk"), classroom__isnull=False)
    reserved = Seat.objects.reserved().filter(subscription__in=subscriptions.values("pk"))
    affiliations = Affiliation.objects.filter(user=user)
    colleagues = Affiliation.objects.filter(school__in=affiliations.filter(verified_at__isnull=False).values("school"))
    figures = User.objects.filter(pk=user.pk).values_list(
        _aggregate(events, Max("pk")),
        _aggregate(subscriptions, Count("pk")),
        _aggregate(subscriptions, Sum("size")),
        _aggregate(subscriptions, Count("key__entitlement__suspended_at")),
        _aggregate(subscriptions, Count("key__entitlement__cancelled_at")),
        _aggregate(subscriptions, Max("key__entitlement__first_day")),
        _aggregate(subscriptions, Max("key__entitlement__provisional_until")),
        _aggregate(subscriptions, Count("key__entitlement__provisional_until")),
        _aggregate(subscriptions, Max("key__entitlement__unpaid_until")),
        _aggregate(subscriptions, Count("key__entitlement__unpaid_until")),
        _aggregate(opened, Count("pk")),
        # A class that is carried on leaves one seat for another.
        _aggregate(opened, Sum("pk")),
        _aggregate(reserved, Count("pk")),
        _aggregate(reserved, Max("reserved_at")),
        _aggregate(affiliations, Max("verified_at")),
        _aggregate(affiliations, Max("pk")),
        _aggregate(colleagues, Max("pk")),
        _aggregate(colleagues, Count("pk")),
    )
    return hashlib.sha256(repr((school, date_in_paris(at), figures.get())).encode()).hexdigest()[:20]


def _aggregate[M: Model](rows: QuerySet[M], aggregate: Aggregate) -> Subquery:
    return Subquery(rows.order_by().values(one=Value(1)).annotate(aggregate=aggregate).values("aggregate"))
