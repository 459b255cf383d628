"""Filters that format days on the pages of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils import timezone

from core.calendar import date_in_paris
from licensing.entitlements.wording import describe_start, format_long_date, format_until

if TYPE_CHECKING:
    import datetime

    from licensing.entitlements.models import Entitlement

register = template.Library()


@register.filter
def day(value: datetime.date) -> str:
    """Return « 31 août 2027 »; for a datetime, its day in Paris."""
    return format_long_date(value)


@register.filter
def start(entitlement: Entitlement) -> str:
    """Return « à partir du 1er septembre 2027 » before the first day of a licence; empty from then on."""
    return describe_start(entitlement, date_in_paris(timezone.now()))


@register.filter
def validity(entitlement: Entitlement) -> str:
    """Return until when a licence runs; with both dates while it is unpaid."""
    return format_until(entitlement, date_in_paris(timezone.now()))
