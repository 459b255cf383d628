"""Template filters of « Mon compte »: dates and counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from core.formatting import pluralize
from licensing.entitlements.wording import format_short_date

if TYPE_CHECKING:
    import datetime

    from licensing.entitlements.overview import SubscriptionCard

register = template.Library()


@register.filter
def short_date(value: datetime.date) -> str:
    """Return « 31/08/2027 »; for a datetime, the date in Paris."""
    return format_short_date(value)


@register.filter
def seats_in_words(card: SubscriptionCard) -> str:
    """Return « 1 clé attribuée sur 3, 2 disponibles »."""
    assigned = pluralize(card.taken, "clé attribuée", "clés attribuées")
    return f"{assigned} sur {card.subscription.size}, {pluralize(card.free, 'disponible')}"
