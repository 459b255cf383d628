"""The `date` filter in French: « 1er septembre 2026 », where Django's writes « 1 septembre 2026 ».

In the `builtins` of the template engine: templates of this project and of libraries write dates alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django import template
from django.template import defaultfilters

if TYPE_CHECKING:
    import datetime

register = template.Library()

_FIRST_OF_MONTH = re.compile(r"(?<!\d)1 (?=[^\W\d_])")


@register.filter("date", expects_localtime=True, is_safe=False)
def write_date(value: datetime.date | None, pattern: str | None = None) -> str:
    """Return the date as Django's filter does, with « 1er » for the first day of a month in words."""
    return _FIRST_OF_MONTH.sub("1er\u00a0", defaultfilters.date(value, pattern))
