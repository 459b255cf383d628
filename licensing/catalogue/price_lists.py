"""A school year's price list: validation across rows, copying to the next year, missing prices.

A gap between two valid tiers still makes an invalid list: a school of that size could not buy.
"""

import datetime
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef

from core import formatting
from core.exceptions import Refusal
from licensing.catalogue.models import PriceBand, SchoolTier, SchoolYear
from licensing.catalogue.operations import get_last_day, get_school_year
from licensing.catalogue.pricing import MAX_CLASSES, find_dearer_tiers, select_on_sale

#: How long before the end of a school year the next one's prices are reported missing.
_NEXT_YEAR_NOTICE = datetime.timedelta(days=120)


def check_tiers(tiers: Sequence[SchoolTier]) -> str:
    """Return the first error in a year's tiers as a French sentence; empty if every class count has a price."""
    ordered = sorted(tiers, key=lambda tier: tier.from_classes)
    if ordered and ordered[0].from_classes != 1:
        return "Le premier palier commence à 1 classe : sans lui, les petites écoles ne trouvent pas de prix."
    for before, after in pairwise(ordered):
        error = _find_tier_error(before, after)
        if error:
            return error
    if any(max(tier.from_classes, tier.to_classes or 0) > MAX_CLASSES for tier in ordered):
        return f"La boutique vend {MAX_CLASSES} classes au plus à la fois : aucun palier ne va au-delà."
    if ordered and ordered[-1].to_classes is not None:
        return "Laissez vide la limite haute du dernier palier : il vaut pour toutes les écoles plus grandes."
    return ""


def _find_tier_error(before: SchoolTier, after: SchoolTier) -> str:
    if before.to_classes is None:
        return "Un seul palier reste sans limite haute : le dernier."
    if after.from_classes <= before.to_classes:
        return (
            f"Deux paliers se chevauchent : l'un va jusqu'à {formatting.pluralize(before.to_classes, 'classe')}, le "
            f"suivant commence à {after.from_classes}."
        )
    if after.from_classes > before.to_classes + 1:
        return (
            f"Il manque un palier : une école de {formatting.pluralize(before.to_classes + 1, 'classe')} ne trouverait "
            "pas de prix."
        )
    return ""


def list_price_warnings(year: SchoolYear) -> list[str]:
    """Return a French sentence for each tier of a year that is dearer than smaller ones together."""
    return [formatting.add_nonbreaking_spaces(sentence) for sentence in find_dearer_tiers(year.tiers.all())]


def check_bands(starts: Sequence[int]) -> str:
    """Return the first error in a year's price bands as a French sentence; empty if every volume has a price."""
    if not starts:
        return ""
    if len(set(starts)) < len(starts):
        return "Deux tarifs commencent au même nombre de licences."
    if min(starts) != 1:
        return "Le premier tarif commence à 1 licence : sans lui, les petites commandes ne trouvent pas de prix."
    return ""


def describe_prices(year: SchoolYear) -> str:
    """Return the full price list as one French line, for the history."""
    tiers = [
        f"{tier} {formatting.euros(tier.price_ttc)} TTC{'' if tier.to_classes else ' par classe'}"
        for tier in year.tiers.order_by("from_classes")
    ]
    bands = [f"{band} {formatting.euros(band.unit_ht)} HT" for band in year.bands.order_by("from_units")]
    sale = f"en vente à partir du {formatting.long_date(year.sold_from)}" if year.sold_from else "pas encore en vente"
    if year.sold_until:
        sale += f", jusqu'au {formatting.long_date(year.sold_until)} inclus"
    use = "dès la commande" if year.usable_at_once else f"à partir du {formatting.long_date(year.starts_on)}"
    start = "de la commande" if year.countdown_from_order else "du premier jour des licences"
    sale += f". Utilisable {use}, 45 jours comptés {start}"
    return f"{year}, {sale}. Écoles : {', '.join(tiers) or 'rien'}. Collectivités : {', '.join(bands) or 'rien'}."


def get_next_year_label(year: SchoolYear) -> str:
    """Return the label of the following year (« 2027-2028 » for 2026-2027), which may not exist yet."""
    return f"{year.ends_on.year}-{year.ends_on.year + 1}"


def get_next_year(year: SchoolYear) -> SchoolYear:
    """Return the following school year, creating it at first use."""
    return get_school_year(year.ends_on + datetime.timedelta(days=1))


@transaction.atomic
def copy_to_next_year(*, school_year_id: int) -> SchoolYear:
    """Copy a year's prices, and from when it is used, to the next year; return that year, which is not on sale yet.

    Raises `Refusal` if there are no prices, or if the next year already has some.
    """
    # Locked so that the second of a double click finds the prices that the first has copied.
    year = SchoolYear.objects.locked().get(pk=school_year_id)
    after = get_next_year(year)
    if not year.tiers.exists() and not year.bands.exists():
        raise Refusal("nothing_to_renew", f"L'année {year} n'a pas de tarif à reconduire.")
    if after.tiers.exists() or after.bands.exists():
        raise Refusal(
            "prices_already_set", f"L'année {after} a déjà des tarifs : rien n'a été copié. Modifiez-les directement."
        )
    after.usable_at_once, after.countdown_from_order = year.usable_at_once, year.countdown_from_order
    after.save(update_fields=["usable_at_once", "countdown_from_order"])
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


class MissingPrices(NamedTuple):
    """Prices that the operator has to add: of which year, why in French, and whether somebody cannot buy meanwhile."""

    year: SchoolYear
    sentence: str
    is_urgent: bool


def list_missing_prices(day: datetime.date) -> list[MissingPrices]:
    """Return what the operator has to add. One query, once the school year is there."""
    years = list(
        SchoolYear.objects.filter(ends_on__gte=day)
        .annotate(
            has_tiers=Exists(SchoolTier.objects.filter(school_year=OuterRef("pk"))),
            has_bands=Exists(PriceBand.objects.filter(school_year=OuterRef("pk"))),
        )
        .order_by("ends_on")
    )
    current = next((year for year in years if year.ends_on == get_last_day(day)), None) or get_school_year(day)
    on_sale = next(iter(select_on_sale(years, day)), None)
    missing = []
    if on_sale is None:
        missing.append((current, f"Rien n'est en vente : fixez les tarifs de {current} et la date de leur vente."))
    else:
        if not vars(on_sale)["has_tiers"]:
            missing.append((on_sale, f"Les écoles ne peuvent rien acheter : {on_sale} n'a aucun palier."))
        if not vars(on_sale)["has_bands"]:
            missing.append((on_sale, f"Les collectivités ne peuvent rien acheter : {on_sale} n'a aucun tarif."))
    after = next((year for year in years if year.ends_on > current.ends_on), None)
    if current.ends_on - day < _NEXT_YEAR_NOTICE and (after is None or after.sold_from is None):
        missing.append(
            (current, f"L'année qui suit {current} n'a pas encore de date de vente : reconduisez les tarifs.")
        )
    # Missing prices of the year on sale are urgent, next year's are not.
    return [
        MissingPrices(year, formatting.add_nonbreaking_spaces(sentence), on_sale is None or year == on_sale)
        for year, sentence in missing
    ]
