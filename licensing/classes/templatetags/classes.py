"""Days as the pages of classes word them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from licensing.subscriptions.wording import on_day

if TYPE_CHECKING:
    import datetime

register = template.Library()


@register.filter
def day(value: datetime.date) -> str:
    """Return « 31 août 2027 »; of a moment, the day it was in Paris."""
    return on_day(value)
