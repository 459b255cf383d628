"""How keys, days and schools are worded in what people read. Pure."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.utils import timezone

from web import typography

if TYPE_CHECKING:
    from licensing.subscriptions.models import Subscription
    from schools.models import School


def on_day(day: datetime.date) -> str:
    """Return `31 août 2027`; of a moment, the day it was in Paris."""
    return typography.day(timezone.localtime(day).date() if isinstance(day, datetime.datetime) else day)


def the_school(school: School) -> str:
    """Return the school's name with its town, by which people tell one Jean-Jaurès from another."""
    return f"{school.name} ({school.commune})" if school.commune else school.name


def provenance(subscription: Subscription) -> str:
    """Return the « compte de rattachement »: the school of the account that was credited."""
    if subscription.school is not None:
        return subscription.school.name
    typed = subscription.principal.affiliations.first()
    return str(typed) if typed is not None else str(subscription.principal)
