"""Template filters of the order pages: days, counts, names."""

import datetime

from django import template
from django.utils import timezone

from core import formatting
from core.calendar import date_in_paris
from licensing.catalogue.models import SchoolYear
from licensing.entitlements.wording import format_long_date, format_short_date
from licensing.orders.models import Order
from licensing.orders.payers import describe_typed_school
from schools.models import Affiliation, School
from schools.wording import format_school_name

register = template.Library()


def describe_period(year: SchoolYear, day: datetime.date) -> str:
    """Return when licences of a school year that are ordered on a day may be used: « jusqu'au 31 août 2027 inclus »."""
    until = f"jusqu'au {format_long_date(year.ends_on)} inclus"
    first_day = year.get_first_day(day)
    return f"à partir du {format_long_date(first_day)}, {until}" if first_day > day else until


register.filter("count", formatting.pluralize)
register.filter("figures", formatting.number)
register.filter("iban", formatting.iban)
register.filter("long_day", format_long_date)
register.filter("short_day", format_short_date)


@register.filter
def period(year: SchoolYear) -> str:
    """Return when licences of a school year ordered today may be used: « jusqu'au 31 août 2027 inclus »."""
    return describe_period(year, date_in_paris(timezone.now()))


@register.filter
def school_label(school: School) -> str:
    """Return the school's name and town: « École Jean Jaurès (Nîmes) »."""
    return (
        f"{format_school_name(school.name)} ({school.commune})" if school.commune else format_school_name(school.name)
    )


@register.filter
def beneficiary_label(order: Order) -> str:
    """Return the school that an order is for, chosen in the directory or typed by hand; empty for a teacher's own."""
    return school_label(order.school) if order.school is not None else describe_typed_school(order)


@register.filter
def affiliation_label(affiliation: Affiliation) -> str:
    """Return the name and town of a person's school, chosen in the directory or typed by hand."""
    if affiliation.school is not None:
        return school_label(affiliation.school)
    return f"{affiliation.name} ({affiliation.city})" if affiliation.city else affiliation.name
