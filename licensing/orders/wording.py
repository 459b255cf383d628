"""When licences that are ordered may be used, for the pages of an order."""

from __future__ import annotations

import datetime

from licensing.catalogue.models import SchoolYear
from licensing.entitlements.wording import format_long_date


def describe_period(year: SchoolYear, day: datetime.date) -> str:
    """Return when licences of a school year that are ordered on a day may be used: « jusqu'au 31 août 2027 inclus »."""
    until = f"jusqu'au {format_long_date(year.ends_on)} inclus"
    first_day = year.get_first_day(day)
    return f"à partir du {format_long_date(first_day)}, {until}" if first_day > day else until
