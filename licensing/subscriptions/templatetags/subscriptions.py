"""Template filters of « Mon compte »: dates and counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from licensing.subscriptions.wording import in_figures
from web.typography import plural

if TYPE_CHECKING:
    import datetime

    from licensing.subscriptions.overview import Card

register = template.Library()


@register.filter
def figures(value: datetime.date) -> str:
    """Return « 31/08/2027 »; for a datetime, the date in Paris."""
    return in_figures(value)


@register.filter
def seats_in_words(card: Card) -> str:
    """Return « 1 clé attribuée sur 3, 2 disponibles »."""
    assigned = plural(card.taken, "clé attribuée", "clés attribuées")
    return f"{assigned} sur {card.subscription.size}, {plural(card.free, 'disponible')}"
