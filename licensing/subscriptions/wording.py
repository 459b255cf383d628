"""How keys, days and schools are worded in what people read. Pure."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.utils import timezone

from web import typography

if TYPE_CHECKING:
    from licensing.subscriptions.models import Source, Subscription
    from schools.models import School


def on_day(day: datetime.date) -> str:
    """Return `31 août 2027`; of a moment, the day it was in Paris."""
    return typography.day(timezone.localtime(day).date() if isinstance(day, datetime.datetime) else day)


def in_figures(day: datetime.date) -> str:
    """Return `31/08/2027`, as tables write it; of a moment, the day it was in Paris."""
    return f"{timezone.localtime(day) if isinstance(day, datetime.datetime) else day:%d/%m/%Y}"


def validity(source: Source) -> str:
    """Return the last day in figures; where the order is not paid yet, that of the provisional rights before it."""
    if source.provisional_until is None:
        return in_figures(source.last_day)
    return (
        f"{in_figures(source.provisional_until)} (droits temporaires), puis {in_figures(source.last_day)} dès règlement"
    )


def until(source: Source) -> str:
    """Return « jusqu'au 31 août 2027 inclus »; where the order is not paid yet, what its payment changes too."""
    if source.provisional_until is None:
        return f"jusqu'au {on_day(source.last_day)} inclus"
    return (
        f"jusqu'au {on_day(source.provisional_until)} inclus (droits temporaires), puis jusqu'au "
        f"{on_day(source.last_day)} inclus dès que la commande sera réglée"
    )


def the_school(school: School) -> str:
    """Return the school's name with its town, by which people tell one Jean-Jaurès from another."""
    return f"{school.name} ({school.commune})" if school.commune else school.name


def provenance(subscription: Subscription) -> str:
    """Return the « compte de rattachement »: the school of the account that was credited."""
    if subscription.school is not None:
        return subscription.school.name
    typed = subscription.principal.affiliations.first()
    return str(typed) if typed is not None else str(subscription.principal)
