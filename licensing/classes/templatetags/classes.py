"""Filters of the pages of classes: days, the accents of logins, drawings of animals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from core.calendar import date_in_paris
from licensing.classes import animals, words
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
def spelled(text: str) -> str:
    """Return a login, a word, a class code or a password with its accents."""
    return words.spell(text)


@register.filter
def animal(word: str) -> SafeString:
    """Return the drawing of a pupil's animal, hidden from screen readers; empty for another word."""
    return mark_safe(animals.read_drawing(word))  # noqa: S308 - a file of ours


@register.filter
def animal_url(word: str) -> str:
    """Return the address of the same drawing, which a list of thirty fetches once; empty for another word."""
    return static(f"classes/animals/{word}.svg") if animals.read_drawing(word) else ""


@register.filter
def start(entitlement: Entitlement) -> str:
    """Return « à partir du 1er septembre 2027 » before the first day of a licence; empty from then on."""
    return describe_start(entitlement, date_in_paris(timezone.now()))


@register.filter
def validity(entitlement: Entitlement) -> str:
    """Return until when a licence runs; with both dates while it is unpaid."""
    return format_until(entitlement, date_in_paris(timezone.now()))
