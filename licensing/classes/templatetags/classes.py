"""Days as the pages of classes word them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils import timezone

from licensing.subscriptions.queries import today
from licensing.subscriptions.wording import on_day, until

if TYPE_CHECKING:
    import datetime

    from licensing.subscriptions.models import Source

register = template.Library()


@register.filter
def day(value: datetime.date) -> str:
    """Return « 31 août 2027 »; of a moment, the day it was in Paris."""
    return on_day(value)


@register.filter
def runs(source: Source) -> str:
    """Return until when a licence runs: both days, as long as it is not paid for."""
    return until(source, today(timezone.now()))
