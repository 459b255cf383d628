"""Filters that format days on the pages of classes."""

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
    """Return « 31 août 2027 »; for a datetime, its day in Paris."""
    return on_day(value)


@register.filter
def runs(source: Source) -> str:
    """Return until when a licence runs; with both dates while it is unpaid."""
    return until(source, today(timezone.now()))
