"""Price a number of classes or licences on a day; list the prices on sale."""

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

#: Upper bound of a school's order; anything above is an input error.
MOST_CLASSES = 200
#: Upper bound of a volume: France has some 350,000 classes from CP to CM2.
MOST_UNITS = 1_000_000
PUPILS_A_CLASS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """An order line at the prices of one day. Amounts in euros."""

    product: Product
    school_year: SchoolYear
    #: Number of licences credited.
    quantity: int
    description: str
    billed_quantity: int
    unit_ht: Decimal
    vat_rate: Decimal
    amounts: Amounts


def year_on_sale(day: datetime.date) -> SchoolYear | None:
    """Return the school year on sale on that day: the latest whose sale has begun and that has not ended."""
    return SchoolYear.objects.filter(sold_from__lte=day, ends_on__gte=day).order_by("-ends_on").first()


def tiers_on(day: datetime.date) -> list[SchoolTier]:
    """Return the school tiers on sale, smallest first; empty if nothing is on sale."""
    year = year_on_sale(day)
    tiers = SchoolTier.objects.filter(school_year=year, product=licence()).select_related("product", "school_year")
    return list(tiers.order_by("from_classes")) if year else []


def bands_on(day: datetime.date) -> list[PriceBand]:
    """Return the collectivities' price bands on sale, smallest first; empty if nothing is on sale."""
    year = year_on_sale(day)
    bands = PriceBand.objects.filter(school_year=year, product=licence()).select_related("product", "school_year")
    return list(bands.order_by("from_units")) if year else []


def for_classes(classes: int, day: datetime.date) -> Priced:
    """Price a number of classes for a school, by its tier, which credits the tier's upper bound.

    Raises `BadQuantity` or `NotOnSale`.
    """
    return of_tier(tier_for(classes, tiers_on(day)), classes)


def tier_for(classes: int, tiers: list[SchoolTier]) -> SchoolTier:
    """Return the tier of a number of classes. Raises `BadQuantity` or `NotOnSale`."""
    if not 0 < classes <= MOST_CLASSES:
        raise BadQuantity(f"Indiquez un nombre de classes, de 1 à {MOST_CLASSES}.")
    if not tiers:
        raise NotOnSale("Les tarifs ne sont pas encore publiés : écrivez-nous, nous vous répondrons.")
    tier = next((one for one in reversed(tiers) if one.from_classes <= classes), None)
    if tier is None or (tier.to_classes is not None and classes > tier.to_classes):
        raise NotOnSale(f"Aucun palier ne convient à {typography.plural(classes, 'classe')} : écrivez-nous.")
    return tier


def of_tier(tier: SchoolTier, classes: int) -> Priced:
    """Return the order line of a tier; `classes` only matters in the open top tier."""
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
    """Price a number of licences for a collectivity, all at the unit price of the band they reach.

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
