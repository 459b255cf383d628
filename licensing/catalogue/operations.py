"""The product and the school years, created at first use."""

from __future__ import annotations

import datetime

from licensing.catalogue.models import Product, SchoolYear

#: Code of the only product: a licence for all levels, CP to CM2.
LICENCE_CODE = "licence-tous-niveaux"

_SEPTEMBER = 9


def get_licence_product() -> Product:
    """Return the « TOUS NIVEAUX » product, creating it at first use."""
    return Product.objects.get_or_create(
        code=LICENCE_CODE, defaults={"name": "Licences Pep's (annuelles) TOUS NIVEAUX", "for_elementary": True}
    )[0]


def get_school_year(day: datetime.date) -> SchoolYear:
    """Return the school year of `day` (1 September to 31 August inclusive), creating it at first use."""
    start_year = day.year if day.month >= _SEPTEMBER else day.year - 1
    return SchoolYear.objects.get_or_create(
        ends_on=datetime.date(start_year + 1, 8, 31), defaults={"starts_on": datetime.date(start_year, _SEPTEMBER, 1)}
    )[0]
