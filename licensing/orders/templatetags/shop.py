"""Template filters of the order pages: days, counts, names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from stdnum.iban import format as format_iban

from licensing.subscriptions.wording import in_figures, on_day
from schools.wording import school_name
from web import typography

if TYPE_CHECKING:
    import datetime

    from schools.models import School

register = template.Library()


@register.filter
def long_day(value: datetime.date) -> str:
    """Format a day as « 31 août 2027 »; a datetime is converted to Paris time."""
    return on_day(value)


@register.filter
def count(number: int, noun: str) -> str:
    """Return « 1 licence », « 5 licences »."""
    return typography.plural(number, noun)


@register.filter
def short_day(value: datetime.date) -> str:
    """Format a day as « 31/08/2027 »; a datetime is converted to Paris time."""
    return in_figures(value)


@register.filter
def named(school: School) -> str:
    """Return the school's name and town: « École Jean Jaurès (Nîmes) »."""
    return f"{school_name(school.name)} ({school.commune})" if school.commune else school_name(school.name)


@register.filter
def figures(number: int) -> str:
    """Return « 2 000 »."""
    return typography.number(number)


@register.filter
def iban(value: str) -> str:
    """Format an IBAN in groups of four: « FR76 3000 6000 … »."""
    return format_iban(value)
