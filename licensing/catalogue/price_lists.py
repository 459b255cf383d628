"""A school year's prices as a whole: what is wrong with them, and what the shop still waits for.

Each row may be right and the list wrong: a hole between two tiers is a school that cannot buy.
"""

from __future__ import annotations

import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction

from licensing.catalogue.exceptions import NothingToRenew, PricesThere
from licensing.catalogue.models import PriceBand, SchoolTier, SchoolYear
from licensing.catalogue.operations import current_school_year
from licensing.catalogue.pricing import MOST_CLASSES, year_on_sale
from web import typography

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The next year's sale is asked for once fewer days than that are left of the current one.
_ASK_BEFORE_END = datetime.timedelta(days=120)


class Span(NamedTuple):
    """The classes of a tier; `last` None where it is open."""

    first: int
    last: int | None


def fault_of_tiers(spans: Sequence[Span]) -> str:
    """Return what is wrong with a year's tiers, in a sentence; empty where every number of classes has its price."""
    ordered = sorted(spans, key=lambda span: span.first)
    if ordered and ordered[0].first != 1:
        return "Le premier palier commence à 1 classe : sans lui, les petites écoles ne trouvent pas de prix."
    for before, after in pairwise(ordered):
        fault = _fault_between(before, after)
        if fault:
            return fault
    if any(max(span.first, span.last or 0) > MOST_CLASSES for span in ordered):
        return f"La boutique vend {MOST_CLASSES} classes au plus à la fois : aucun palier ne va au-delà."
    if ordered and ordered[-1].last is not None:
        return "Laissez vide la limite haute du dernier palier : il vaut pour toutes les écoles plus grandes."
    return ""


def _fault_between(before: Span, after: Span) -> str:
    if before.last is None:
        return "Un seul palier reste sans limite haute : le dernier."
    if after.first <= before.last:
        return (
            f"Deux paliers se chevauchent : l'un va jusqu'à {typography.plural(before.last, 'classe')}, le suivant "
            f"commence à {after.first}."
        )
    if after.first > before.last + 1:
        return (
            f"Il manque un palier : une école de {typography.plural(before.last + 1, 'classe')} ne trouverait pas de "
            "prix."
        )
    return ""


def fault_of_bands(starts: Sequence[int]) -> str:
    """Return what is wrong with a year's price bands, in a sentence; empty where every volume has its price."""
    if not starts:
        return ""
    if len(set(starts)) < len(starts):
        return "Deux tarifs commencent au même nombre de licences."
    if min(starts) != 1:
        return "Le premier tarif commence à 1 licence : sans lui, les petites commandes ne trouvent pas de prix."
    return ""


def told(year: SchoolYear) -> str:
    """Return the whole list in one line: for whoever reads later what was asked at the time."""
    tiers = [
        f"{tier} {typography.euros(tier.price_ttc)} TTC{'' if tier.to_classes else ' par classe'}"
        for tier in year.tiers.order_by("from_classes")
    ]
    bands = [f"{band} {typography.euros(band.unit_ht)} HT" for band in year.bands.order_by("from_units")]
    sale = f"en vente à partir du {typography.day(year.sold_from)}" if year.sold_from else "pas encore en vente"
    return f"{year}, {sale}. Écoles : {', '.join(tiers) or 'rien'}. Collectivités : {', '.join(bands) or 'rien'}."


def label_after(year: SchoolYear) -> str:
    """Return « 2027-2028 » of the year 2026-2027, which may not exist yet."""
    return f"{year.ends_on.year}-{year.ends_on.year + 1}"


def next_year(year: SchoolYear) -> SchoolYear:
    """Return the school year after that one, made at its first use."""
    return current_school_year(year.ends_on + datetime.timedelta(days=1))


@transaction.atomic
def renew(*, school_year_id: int) -> SchoolYear:
    """Copy a year's prices to the next year, which is not on sale yet; return the next year.

    Raises `NothingToRenew`, or `PricesThere` where the next year has prices already: they are the operator's.
    """
    # The row is locked: the second of two clicks finds the prices of the first.
    year = SchoolYear.objects.select_for_update(no_key=True).get(pk=school_year_id)
    after = next_year(year)
    if not year.tiers.exists() and not year.bands.exists():
        raise NothingToRenew(f"L'année {year} n'a pas de tarif à reconduire.")
    if after.tiers.exists() or after.bands.exists():
        raise PricesThere(f"L'année {after} a déjà des tarifs : rien n'a été copié. Modifiez-les directement.")
    SchoolTier.objects.bulk_create(
        SchoolTier(
            product_id=tier.product_id,
            school_year=after,
            from_classes=tier.from_classes,
            to_classes=tier.to_classes,
            price_ttc=tier.price_ttc,
        )
        for tier in year.tiers.all()
    )
    PriceBand.objects.bulk_create(
        PriceBand(product_id=band.product_id, school_year=after, from_units=band.from_units, unit_ht=band.unit_ht)
        for band in year.bands.all()
    )
    return after


def waits_on(day: datetime.date) -> list[tuple[SchoolYear, str]]:
    """Return what the shop waits for from the operator: the year to open, and a sentence that says what is missing."""
    waits = []
    current = current_school_year(day)
    on_sale = year_on_sale(day)
    if on_sale is None:
        waits.append((current, f"Rien n'est en vente : fixez les tarifs de {current} et la date de leur vente."))
    else:
        if not on_sale.tiers.exists():
            waits.append((on_sale, f"Les écoles ne peuvent rien acheter : {on_sale} n'a aucun palier."))
        if not on_sale.bands.exists():
            waits.append((on_sale, f"Les collectivités ne peuvent rien acheter : {on_sale} n'a aucun tarif."))
    after = SchoolYear.objects.filter(ends_on__gt=current.ends_on).order_by("ends_on").first()
    if current.ends_on - day < _ASK_BEFORE_END and (after is None or after.sold_from is None):
        waits.append((current, f"L'année qui suit {current} n'a pas encore de date de vente : reconduisez les tarifs."))
    return [(year, typography.spaced(sentence)) for year, sentence in waits]
