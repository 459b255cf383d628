"""Days and counts as the pages of orders word them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from stdnum.iban import format as spelled_iban

from licensing.subscriptions.wording import in_figures, on_day
from schools.wording import school_name
from web import typography

if TYPE_CHECKING:
    import datetime

    from schools.models import School

register = template.Library()


@register.filter
def long_day(value: datetime.date) -> str:
    """Return « 31 août 2027 »; of a moment, the day it was in Paris."""
    return on_day(value)


@register.filter
def count(number: int, noun: str) -> str:
    """Return « 1 licence », « 5 licences »."""
    return typography.plural(number, noun)


@register.filter
def short_day(value: datetime.date) -> str:
    """Return « 31/08/2027 »; of a moment, the day it was in Paris."""
    return in_figures(value)


@register.filter
def named(school: School) -> str:
    """Return the school's name with its accents and its town: « École Jean Jaurès (Nîmes) »."""
    return f"{school_name(school.name)} ({school.commune})" if school.commune else school_name(school.name)


@register.filter
def figures(number: int) -> str:
    """Return « 2 000 »."""
    return typography.number(number)


@register.filter
def iban(value: str) -> str:
    """Return « FR76 3000 6000 … », in the groups of four that people check one by one."""
    return spelled_iban(value)
