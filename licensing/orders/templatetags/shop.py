"""Days and counts as the pages of orders word them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from licensing.subscriptions.wording import on_day
from web.typography import plural

if TYPE_CHECKING:
    import datetime

register = template.Library()


@register.filter
def long_day(value: datetime.date) -> str:
    """Return « 31 août 2027 »; of a moment, the day it was in Paris."""
    return on_day(value)


@register.filter
def count(number: int, noun: str) -> str:
    """Return « 1 licence », « 5 licences »."""
    return plural(number, noun)
