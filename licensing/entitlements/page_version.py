"""Version hash of the licences shown on « Mon compte », polled by open pages to detect changes.

One query on indexes instead of the nine that make the page. Any change to a seat, a subscription, the teachers of the
school or an order changes the hash.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence

from django.db.models import Aggregate, Count, Max, Model, QuerySet, Subquery, Sum, Value

from accounts.models import Profile, User
from core.calendar import date_in_paris
from licensing.entitlements.models import Seat, SeatEvent, Subscription
from licensing.entitlements.queries import administered_by
from schools.models import Affiliation


def compute_version(user: User, *, school: str, at: datetime.datetime, others: Sequence[Subquery] = ()) -> str:
    """Return a hash of what the user's page shows about licences, and of `others`: figures of what else it shows."""
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
        build_figure(events, Max("pk")),
        build_figure(subscriptions, Count("pk")),
        build_figure(subscriptions, Sum("size")),
        build_figure(subscriptions, Count("key__entitlement__suspended_at")),
        build_figure(subscriptions, Count("key__entitlement__cancelled_at")),
        build_figure(subscriptions, Max("key__entitlement__first_day")),
        build_figure(subscriptions, Max("key__entitlement__provisional_until")),
        build_figure(subscriptions, Count("key__entitlement__provisional_until")),
        build_figure(subscriptions, Max("key__entitlement__unpaid_until")),
        build_figure(subscriptions, Count("key__entitlement__unpaid_until")),
        build_figure(opened, Count("pk")),
        # A class that is carried on leaves one seat for another.
        build_figure(opened, Sum("pk")),
        build_figure(reserved, Count("pk")),
        build_figure(reserved, Max("reserved_at")),
        build_figure(affiliations, Max("verified_at")),
        build_figure(affiliations, Max("pk")),
        build_figure(colleagues, Max("pk")),
        build_figure(colleagues, Count("pk")),
        *others,
    )
    return hashlib.sha256(repr((school, date_in_paris(at), figures.get())).encode()).hexdigest()[:20]


def build_figure[M: Model](rows: QuerySet[M], aggregate: Aggregate) -> Subquery:
    """Return an aggregate of these rows as a column of the one query."""
    return Subquery(rows.order_by().values(one=Value(1)).annotate(aggregate=aggregate).values("aggregate"))
