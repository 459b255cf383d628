"""The product and the school years exist as soon as something needs them: nobody has to remember to add a year."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from licensing.catalogue.models import Product, SchoolYear

#: The code of the one licence the house sells: all levels, CP to CM2.
LICENCE = "licence-tous-niveaux"

#: Days are those of the calendar in France, wherever the server and the user are.
PARIS = ZoneInfo("Europe/Paris")

_FIRST_MONTH = 9


def day_in_france(at: datetime.datetime) -> datetime.date:
    """Return the day it is in France at this moment: 31 August lasts until midnight in Paris, not in UTC."""
    return at.astimezone(PARIS).date()


def licence() -> Product:
    """Return the licence « TOUS NIVEAUX », made at its first use."""
    return Product.objects.get_or_create(
        code=LICENCE, defaults={"name": "Licence Pep's TOUS NIVEAUX", "for_elementary": True}
    )[0]


def current_school_year(day: datetime.date) -> SchoolYear:
    """Return the school year that `day` is in, from 1 September to 31 August inclusive, made at its first use."""
    first = day.year if day.month >= _FIRST_MONTH else day.year - 1
    return SchoolYear.objects.get_or_create(
        ends_on=datetime.date(first + 1, 8, 31), defaults={"starts_on": datetime.date(first, 9, 1)}
    )[0]
