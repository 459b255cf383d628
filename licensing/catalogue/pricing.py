"""What so many classes or licences cost on a day, and what the shop shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licensing.catalogue.amounts import Amounts, from_ht, from_ttc
from licensing.catalogue.exceptions import BadQuantity, NotOnSale
from licensing.catalogue.models import PriceBand, SchoolTier, SchoolYear
from licensing.catalogue.operations import licence
from web import typography

if TYPE_CHECKING:
    import datetime
    from decimal import Decimal

    from licensing.catalogue.models import Product

#: A school's own order: above it, somebody sends numbers and does not count classes.
MOST_CLASSES = 200
#: There are some 350,000 classes from CP to CM2 in the country: more than that is a slip of the finger.
MOST_UNITS = 1_000_000
PUPILS_A_CLASS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """One line as it would be ordered today. Amounts in euros."""

    product: Product
    school_year: SchoolYear
    #: Licences that it credits.
    quantity: int
    description: str
    billed_quantity: int
    unit_ht: Decimal
    vat_rate: Decimal
    amounts: Amounts


def year_on_sale(day: datetime.date) -> SchoolYear | None:
    """Return the school year that the shop sells on that day: the latest whose sale has begun and that still runs."""
    return SchoolYear.objects.filter(sold_from__lte=day, ends_on__gte=day).order_by("-ends_on").first()


def tiers_on(day: datetime.date) -> list[SchoolTier]:
    """Return the schools' tiers on sale, the smallest first; none where nothing is on sale."""
    year = year_on_sale(day)
    tiers = SchoolTier.objects.filter(school_year=year, product=licence()).select_related("product", "school_year")
    return list(tiers.order_by("from_classes")) if year else []


def bands_on(day: datetime.date) -> list[PriceBand]:
    """Return the collectivities' price bands on sale, from the first licence upwards; none where nothing is."""
    year = year_on_sale(day)
    bands = PriceBand.objects.filter(school_year=year, product=licence()).select_related("product", "school_year")
    return list(bands.order_by("from_units")) if year else []


def for_classes(classes: int, day: datetime.date) -> Priced:
    """Return what a school pays for so many classes: the tier they fall in, which credits its upper bound.

    Raises `BadQuantity` or `NotOnSale`.
    """
    return of_tier(tier_for(classes, tiers_on(day)), classes)


def tier_for(classes: int, tiers: list[SchoolTier]) -> SchoolTier:
    """Return the tier that so many classes fall in. Raises `BadQuantity` or `NotOnSale`."""
    if not 0 < classes <= MOST_CLASSES:
        raise BadQuantity(f"Indiquez un nombre de classes, de 1 à {MOST_CLASSES}.")
    if not tiers:
        raise NotOnSale("Les tarifs ne sont pas encore publiés : écrivez-nous, nous vous répondrons.")
    tier = next((one for one in reversed(tiers) if one.from_classes <= classes), None)
    if tier is None or (tier.to_classes is not None and classes > tier.to_classes):
        raise NotOnSale(f"Aucun palier ne convient à {typography.plural(classes, 'classe')} : écrivez-nous.")
    return tier


def of_tier(tier: SchoolTier, classes: int) -> Priced:
    """Return the line of a tier; `classes` counts in the open top tier alone."""
    credited = tier.to_classes or classes
    ttc = tier.price_ttc if tier.to_classes else tier.price_ttc * classes
    amounts = from_ttc(ttc, tier.product.vat_rate)
    return Priced(
        product=tier.product,
        school_year=tier.school_year,
        quantity=credited,
        description=f"Licence globale TOUS NIVEAUX ({typography.plural(credited, 'classe')} - "
        f"{typography.number(credited * PUPILS_A_CLASS)} élèves)",
        billed_quantity=1,
        unit_ht=amounts.ht,
        vat_rate=tier.product.vat_rate,
        amounts=amounts,
    )


def for_volume(units: int, day: datetime.date) -> Priced:
    """Return what a collectivity pays for so many licences, all at the price of the band they reach.

    Raises `BadQuantity` or `NotOnSale`.
    """
    if not 0 < units <= MOST_UNITS:
        raise BadQuantity(f"Indiquez un nombre de licences, de 1 à {typography.number(MOST_UNITS)}.")
    band = next((one for one in reversed(bands_on(day)) if one.from_units <= units), None)
    if band is None:
        raise NotOnSale("Aucun tarif n'est publié pour ce volume : écrivez-nous, nous établirons un devis.")
    return Priced(
        product=band.product,
        school_year=band.school_year,
        quantity=units,
        description=f"Licences Pep's TOUS NIVEAUX, une par classe ({typography.plural(PUPILS_A_CLASS, 'élève')})",
        billed_quantity=units,
        unit_ht=band.unit_ht,
        vat_rate=band.product.vat_rate,
        amounts=from_ht(band.unit_ht * units, band.product.vat_rate),
    )
