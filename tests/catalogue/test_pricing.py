"""What is on sale on a day, its price, and errors in price lists."""

import datetime
from decimal import Decimal

import pytest

from licensing.catalogue import price_lists, pricing
from licensing.catalogue.models import PriceBand, Product, SchoolTier, SchoolYear
from licensing.catalogue.pricing import NotOnSale
from tests.factories.shop import put_on_sale
from tests.refusals import refuses

NOVEMBER = datetime.date(2026, 11, 25)


@pytest.mark.parametrize(
    ("classes", "credited", "ttc"),
    [(1, 1, "49.00"), (2, 5, "199.00"), (5, 5, "199.00"), (6, 10, "349.00"), (15, 15, "479.00"), (16, 16, "480.00")],
)
def test_a_tier_has_one_price_and_credits_its_upper_bound(db, classes, credited, ttc):
    put_on_sale()
    priced = pricing.price_classes(classes, NOVEMBER)
    assert (priced.quantity, priced.amounts.ttc, priced.billed_quantity) == (credited, Decimal(ttc), 1)
    assert priced.amounts.ht + priced.amounts.vat == priced.amounts.ttc
    assert priced.unit_ht == priced.amounts.ht


def test_the_line_reads_as_in_the_guide(db):
    put_on_sale()
    read = pricing.price_classes(3, NOVEMBER).description.replace("\u00a0", " ")
    assert read == "Licence globale TOUS NIVEAUX (5 classes - 150 élèves)"


@pytest.mark.parametrize(
    ("units", "unit_ht", "ht"),
    [(1, "35.00", "35.00"), (99, "35.00", "3465.00"), (100, "30.00", "3000.00"), (2000, "20.00", "40000.00")],
)
def test_all_licences_of_a_volume_are_at_the_price_of_the_band_they_reach(db, units, unit_ht, ht):
    put_on_sale()
    priced = pricing.price_volume(units, NOVEMBER)
    assert (priced.unit_ht, priced.amounts.ht, priced.quantity) == (Decimal(unit_ht), Decimal(ht), units)
    assert priced.unit_ht * priced.billed_quantity == priced.amounts.ht


@pytest.mark.parametrize("count", [0, -1, 10_000_000])
def test_an_invalid_number_is_refused(db, count):
    put_on_sale()
    for ask in (pricing.price_classes, pricing.price_volume):
        with refuses("invalid_quantity"):
            ask(count, NOVEMBER)


def test_from_its_day_on_the_next_year_is_sold_and_the_current_one_no_longer(db):
    current = put_on_sale()
    after = put_on_sale(ends_on=datetime.date(2028, 8, 31), sold_from=datetime.date(2027, 6, 1))
    assert pricing.price_classes(1, datetime.date(2027, 5, 31)).school_year == current
    assert pricing.price_classes(1, datetime.date(2027, 6, 1)).school_year == after
    assert pricing.price_volume(1, datetime.date(2028, 8, 31)).school_year == after
    with pytest.raises(NotOnSale):
        pricing.price_classes(1, datetime.date(2028, 9, 1))


def test_a_year_is_sold_beside_the_next_until_the_day_that_the_seller_sets(db):
    current = put_on_sale()
    after = put_on_sale(ends_on=datetime.date(2028, 8, 31), sold_from=datetime.date(2027, 6, 1))
    june, day = datetime.date(2027, 6, 10), datetime.timedelta(days=1)
    assert pricing.list_years_on_sale(june) == [after]
    SchoolYear.objects.filter(pk=current.pk).update(sold_until=june)
    assert pricing.list_years_on_sale(june) == [after, current]
    assert pricing.list_years_on_sale(june + day) == [after]
    assert pricing.price_volume(1, june).school_year == after
    assert pricing.price_volume(1, june, 2027).school_year == current
    assert pricing.price_volume(1, june + day, 2027).school_year == after
    SchoolYear.objects.filter(pk=after.pk).update(sold_until=june)
    with pytest.raises(NotOnSale):
        pricing.price_classes(1, june + day)


def test_the_rate_is_the_product_s(db):
    put_on_sale()
    Product.objects.update(vat_rate=Decimal("5.50"))
    assert pricing.price_classes(5, NOVEMBER).amounts == (Decimal("188.63"), Decimal("10.37"), Decimal("199.00"))


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([], ""),
        ([(1, None)], ""),
        ([(6, None), (1, 1), (2, 5)], ""),
        ([(2, None)], "commence à 1 classe"),
        ([(1, 1), (2, 5)], "Laissez vide la limite haute"),
        ([(1, None), (2, None)], "Un seul palier reste sans limite"),
        ([(1, 3), (3, None)], "se chevauchent"),
        ([(1, 1), (3, None)], "une école de 2\u00a0classes"),
        # It would credit more than can be ordered.
        ([(1, 100), (101, 300), (301, None)], "200 classes au plus"),
        ([(1, 200), (201, None)], "200 classes au plus"),
    ],
)
def test_tiers_leave_no_number_of_classes_without_one_price(spans, message):
    fault = price_lists.check_tiers([SchoolTier(from_classes=first, to_classes=last) for first, last in spans])
    assert message in fault
    assert bool(message) == bool(fault)


@pytest.mark.parametrize(("starts", "right"), [([], True), ([100, 1], True), ([10], False), ([1, 1], False)])
def test_bands_leave_no_volume_without_one_price(starts, right):
    assert (price_lists.check_bands(starts) == "") is right


def test_missing_prices_are_listed_for_the_operator(db):
    def missing(day):
        return " ".join(one.sentence for one in price_lists.list_missing_prices(day))

    assert "Rien n'est en vente" in missing(NOVEMBER)
    current = put_on_sale()
    assert missing(NOVEMBER) == ""
    PriceBand.objects.all().delete()
    assert "Les collectivités ne peuvent rien acheter" in missing(NOVEMBER)
    SchoolTier.objects.all().delete()
    assert "Les écoles ne peuvent rien acheter" in missing(NOVEMBER)
    put_on_sale()
    june = datetime.date(2027, 6, 15)
    assert "reconduisez les tarifs" in missing(june)
    SchoolYear.objects.filter(pk=current.pk).update(usable_at_once=True, countdown_from_order=True)
    after = price_lists.copy_to_next_year(school_year_id=current.pk)
    assert (after.usable_at_once, after.countdown_from_order, after.sold_until) == (True, True, None)
    assert "n'a pas encore de date de vente" in missing(june)
    after.sold_from = june
    after.save()
    assert missing(june) == ""
