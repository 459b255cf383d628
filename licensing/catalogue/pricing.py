"""Price a number of classes or licences on a day, and the cheapest orders; list the prices on sale."""

from __future__ import annotations

import dataclasses
import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core import formatting
from core.exceptions import DomainError, Refusal
from core.money import Amounts, add_vat, extract_vat
from licensing.catalogue.models import PriceBand, Product, SchoolTier, SchoolYear
from licensing.catalogue.operations import get_licence_product


class NotOnSale(DomainError):
    code = "not_on_sale"


#: Upper bound of a school's order; anything above is an input error.
MAX_CLASSES = 200
#: Upper bound of a volume: France has some 350,000 classes from CP to CM2.
MAX_UNITS = 1_000_000
PUPILS_PER_CLASS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
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
    #: Whether the price is TTC, and stays so at another rate; HT for collectivities.
    is_ttc: bool

    def at_rate(self, rate: Decimal) -> PricedLine:
        """Return the line at another VAT rate: a school pays the same, a collectivity the same HT."""
        if self.is_ttc:
            amounts = extract_vat(self.amounts.ttc, rate)
            return dataclasses.replace(self, vat_rate=rate, amounts=amounts, unit_ht=amounts.ht)
        return dataclasses.replace(self, vat_rate=rate, amounts=add_vat(self.amounts.ht, rate))


def list_years_on_sale(day: datetime.date) -> list[SchoolYear]:
    """Return the school years on sale on a day, the latest first.

    The latest whose sale has begun, unless its last day of sale has passed, and each earlier one whose has not.
    """
    return select_on_sale(SchoolYear.objects.filter(sold_from__lte=day, ends_on__gte=day), day)


def select_on_sale(years: Iterable[SchoolYear], day: datetime.date) -> list[SchoolYear]:
    """Return those of the school years that `list_years_on_sale` returns. No query of its own."""
    begun = [year for year in years if year.sold_from is not None and year.sold_from <= day <= year.ends_on]
    begun.sort(key=lambda year: year.ends_on, reverse=True)
    return [
        year for rank, year in enumerate(begun) if (rank == 0 if year.sold_until is None else day <= year.sold_until)
    ]


def get_year_on_sale(day: datetime.date, ends_in: int | None = None) -> SchoolYear | None:
    """Return the school year on sale that ends in the calendar year `ends_in`, else the latest; None if there is none.

    `ends_in` identifies a school year: 2028 for 2027-2028.
    """
    years = list_years_on_sale(day)
    return next((year for year in years if year.ends_on.year == ends_in), years[0] if years else None)


def list_tiers(year: SchoolYear | None) -> list[SchoolTier]:
    """Return the school tiers of a year, smallest first; empty without a year."""
    tiers = SchoolTier.objects.filter(school_year=year, product=get_licence_product()).select_related(
        "product", "school_year"
    )
    return list(tiers.order_by("from_classes")) if year else []


def list_bands(year: SchoolYear | None) -> list[PriceBand]:
    """Return the collectivities' price bands of a year, smallest first; empty without a year."""
    bands = PriceBand.objects.filter(school_year=year, product=get_licence_product()).select_related(
        "product", "school_year"
    )
    return list(bands.order_by("from_units")) if year else []


def price_classes(classes: int, day: datetime.date, ends_in: int | None = None) -> PricedLine:
    """Price a number of classes for a school, by its tier, which credits the tier's upper bound.

    `ends_in`: see `get_year_on_sale`. Raises `Refusal` or `NotOnSale`.
    """
    return price_tier(find_tier(classes, list_tiers(get_year_on_sale(day, ends_in))), classes)


def find_tier(classes: int, tiers: list[SchoolTier]) -> SchoolTier:
    """Return the tier of a number of classes. Raises `Refusal` or `NotOnSale`."""
    if not 0 < classes <= MAX_CLASSES:
        raise Refusal("invalid_quantity", f"Indiquez un nombre de classes, de 1 à {MAX_CLASSES}.")
    if not tiers:
        raise NotOnSale("Les tarifs ne sont pas encore publiés : écrivez-nous, nous vous répondrons.")
    tier = next((one for one in reversed(tiers) if one.from_classes <= classes), None)
    if tier is None or (tier.to_classes is not None and classes > tier.to_classes):
        raise NotOnSale(f"Aucun palier ne convient à {formatting.pluralize(classes, 'classe')} : écrivez-nous.")
    return tier


def price_tier(tier: SchoolTier, classes: int) -> PricedLine:
    """Return the order line of a tier; `classes` only matters in the open top tier."""
    credited = tier.to_classes or classes
    amounts = extract_vat(tier.get_price(classes), tier.product.vat_rate)
    return PricedLine(
        product=tier.product,
        school_year=tier.school_year,
        quantity=credited,
        description=f"Licence globale TOUS NIVEAUX ({formatting.pluralize(credited, 'classe')} - "
        f"{formatting.number(credited * PUPILS_PER_CLASS)} élèves)",
        billed_quantity=1,
        unit_ht=amounts.ht,
        vat_rate=tier.product.vat_rate,
        amounts=amounts,
        is_ttc=True,
    )


def price_volume(units: int, day: datetime.date, ends_in: int | None = None) -> PricedLine:
    """Price a number of licences for a collectivity, all at the unit price of the band they reach.

    `ends_in`: see `get_year_on_sale`. Raises `Refusal` or `NotOnSale`.
    """
    if not 0 < units <= MAX_UNITS:
        raise Refusal("invalid_quantity", f"Indiquez un nombre de licences, de 1 à {formatting.number(MAX_UNITS)}.")
    band = next((one for one in reversed(list_bands(get_year_on_sale(day, ends_in))) if one.from_units <= units), None)
    if band is None:
        raise NotOnSale("Aucun tarif n'est publié pour ce volume : écrivez-nous, nous établirons un devis.")
    return PricedLine(
        product=band.product,
        school_year=band.school_year,
        quantity=units,
        description=f"Licences Pep's TOUS NIVEAUX, une par classe ({formatting.pluralize(PUPILS_PER_CLASS, 'élève')})",
        billed_quantity=units,
        unit_ht=band.unit_ht,
        vat_rate=band.product.vat_rate,
        amounts=add_vat(band.unit_ht * units, band.product.vat_rate),
        is_ttc=False,
    )


@dataclass(frozen=True, slots=True)
class Purchase:
    """Orders of the same size. Amounts in euros, VAT included."""

    #: Licences that each of the orders credits.
    licences: int
    orders: int
    ttc: Decimal

    @property
    def total(self) -> Decimal:
        return self.ttc * self.orders

    def __str__(self) -> str:
        return f"{formatting.pluralize(self.orders, 'commande')} de {formatting.pluralize(self.licences, 'classe')}"


@dataclass(frozen=True, slots=True)
class Combination:
    """Orders that cover a number of classes together, the largest first."""

    purchases: tuple[Purchase, ...]

    @property
    def total(self) -> Decimal:
        """Price of all of them, in euros, VAT included."""
        return sum((one.total for one in self.purchases), Decimal())

    @property
    def orders(self) -> int:
        return sum(one.orders for one in self.purchases)

    def __str__(self) -> str:
        return formatting.join_words([str(one) for one in self.purchases])


def find_cheapest(classes: int, tiers: Sequence[SchoolTier]) -> Combination | None:
    """Return the cheapest orders that cover so many classes, and the fewest of them; None if no tier is known."""
    options = _list_options(classes, tiers)
    if not options:
        return None
    # For each number of classes: cost, number of orders, and the order that was added last.
    best: list[tuple[Decimal, int, Purchase | None]] = [(Decimal(), 0, None)]
    for number in range(1, classes + 1):
        candidates = []
        for option in options:
            cost, orders, _ = best[max(0, number - option.licences)]
            candidates.append((cost + option.ttc, orders + 1, option))
        best.append(min(candidates, key=lambda one: one[:2]))
    chosen: Counter[Purchase] = Counter()
    left = classes
    while left > 0:
        last = best[left][2]
        assert last is not None  # noqa: S101 - set for every number above zero
        chosen[last] += 1
        left -= last.licences
    by_size = sorted(chosen.items(), key=lambda one: -one[0].licences)
    return Combination(tuple(Purchase(one.licences, count, one.ttc) for one, count in by_size))


def _list_options(classes: int, tiers: Sequence[SchoolTier]) -> list[Purchase]:
    """Return each single order that is worth making for at most so many classes."""
    options: list[Purchase] = []
    for tier in tiers:
        sizes = [tier.to_classes] if tier.to_classes else range(tier.from_classes, max(tier.from_classes, classes) + 1)
        options += [Purchase(size, 1, tier.get_price(size)) for size in sizes]
    return options


def find_dearer_tiers(tiers: Iterable[SchoolTier]) -> list[str]:
    """Return a French sentence for each tier that is dearer than smaller ones together; empty if none is."""
    ordered = sorted(tiers, key=lambda tier: tier.from_classes)
    found = ((tier, _find_cheaper(tier, ordered[:rank])) for rank, tier in enumerate(ordered) if rank)
    return [_describe_dearer(tier, *cheaper) for tier, cheaper in found if cheaper is not None]


def _find_cheaper(tier: SchoolTier, smaller: Sequence[SchoolTier]) -> tuple[int, Combination] | None:
    """Return the fewest classes of a tier that smaller tiers cover for less, with how; None if there is none."""
    # A flat price is dearest for its fewest classes.
    last = tier.from_classes if tier.to_classes is not None else MAX_CLASSES
    for classes in range(tier.from_classes, last + 1):
        combination = find_cheapest(classes, smaller)
        if combination is not None and combination.total < tier.get_price(classes):
            return classes, combination
    return None


def _describe_dearer(tier: SchoolTier, classes: int, cheaper: Combination) -> str:
    return (
        f"Pour {formatting.pluralize(classes, 'classe')}, le palier coûte "
        f"{formatting.euros(tier.get_price(classes))} ; {cheaper} coûtent {formatting.euros(cheaper.total)}."
    )
