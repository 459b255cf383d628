"""Template filters for French: articles before names, counts and dates in words."""

import datetime

from django import template
from django.utils import timezone

from core import formatting

register = template.Library()
register.filter("of_name", formatting.of_name)
register.filter("number", formatting.number)
register.filter("full_stop", formatting.end_sentence)


@register.filter
def the_school(name: str) -> str:
    """Return « l’École Jean Jaurès »."""
    return formatting.school_forms(name).the


@register.filter
def of_school(name: str) -> str:
    """Return « de l’École Jean Jaurès », « du Collège Belin »."""
    return formatting.school_forms(name).of_the


@register.filter
def to_school(name: str) -> str:
    """Return « à l’École Jean Jaurès », « au Collège Belin »."""
    return formatting.school_forms(name).to_the


@register.filter
def the_collectivity(name: str) -> str:
    """Return « la Ville d’Alès », « Alès Agglomération »."""
    return formatting.collectivity_forms(name).the


@register.filter
def of_collectivity(name: str) -> str:
    """Return « de la Ville d’Alès », « du Département du Gard »."""
    return formatting.collectivity_forms(name).of_the


@register.filter
def to_collectivity(name: str) -> str:
    """Return « à la Ville d’Alès », « au Département du Gard »."""
    return formatting.collectivity_forms(name).to_the


@register.filter
def counted(value: int | None, forms: str) -> str:
    """Return « 3 écoles » from 3 and « école,écoles »; « 0 école » and « 1 école ». A regular plural may be omitted."""
    singular, _, plural = forms.partition(",")
    return formatting.pluralize(value or 0, singular, plural)


@register.filter
def long_date(value: datetime.date) -> str:
    """Return « 1er septembre 2026 »; for a datetime, the date where the site is."""
    return formatting.long_date(timezone.localtime(value) if isinstance(value, datetime.datetime) else value)


@register.filter
def long_moment(value: datetime.datetime) -> str:
    """Return « 1er septembre 2026 à 08:05 », where the site is."""
    return formatting.long_moment(timezone.localtime(value))
