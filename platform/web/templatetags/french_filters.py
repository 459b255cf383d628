"""Filters of Django in French: « 1er septembre » and « 0 école », where Django writes « 1 septembre » and « 0 écoles ».

In the `builtins` of the template engine: templates of this project and of libraries write dates and plurals alike.
"""

import datetime
import re
from collections.abc import Sized

from django import template
from django.template import defaultfilters

register = template.Library()

_FIRST_OF_MONTH = re.compile(r"(?<!\d)1 (?=[^\W\d_])")


@register.filter("date", expects_localtime=True, is_safe=False)
def write_date(value: datetime.date | None, pattern: str | None = None) -> str:
    """Return the date as Django's filter does, with « 1er » for the first day of a month in words."""
    return _FIRST_OF_MONTH.sub("1er\u00a0", defaultfilters.date(value, pattern))


@register.filter("pluralize", is_safe=False)
def choose_ending(value: object, endings: str = "s") -> str:
    """Return the ending as Django's filter does, with 0 in the singular: « 0 école », « 1 école », « 2 écoles »."""
    is_none = value in (0, "0") or (isinstance(value, Sized) and len(value) == 0)
    return defaultfilters.pluralize(1 if is_none else value, endings)
