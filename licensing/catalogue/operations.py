"""The product and the school years, created at first use."""

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


def get_product_summary() -> str:
    """Return what pupils do with the product, in the operator's words; empty until the operator wrote it."""
    return Product.objects.filter(code=LICENCE_CODE).values_list("summary", flat=True).first() or ""


def get_last_day(day: datetime.date) -> datetime.date:
    """Return the last day of the school year of `day`: 31 August."""
    return datetime.date(day.year + (day.month >= _SEPTEMBER), 8, 31)


def get_school_year(day: datetime.date) -> SchoolYear:
    """Return the school year of `day` (1 September to 31 August inclusive), creating it at first use."""
    ends_on = get_last_day(day)
    return SchoolYear.objects.get_or_create(
        ends_on=ends_on, defaults={"starts_on": datetime.date(ends_on.year - 1, _SEPTEMBER, 1)}
    )[0]
