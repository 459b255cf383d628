"""The catalogue in the back office: price lists are validated as a whole and copied to the next year."""

import datetime
import html
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from licensing.catalogue.models import PriceBand, SchoolTier, SchoolYear
from licensing.catalogue.operations import get_licence_product
from tests.factories.accounts import OperatorFactory
from tests.factories.shop import TIERS, put_on_sale

pytestmark = pytest.mark.slow


@pytest.fixture
def operator(portal):
    portal.force_login(OperatorFactory())
    return portal


@pytest.fixture
def year(db):
    return put_on_sale()


def formset_fields(prefix, listed, fields):
    """Return the formset's fields: pairs of (row or None, new values or None to delete it)."""
    sent: dict[str, Any] = {
        f"{prefix}-TOTAL_FORMS": len(listed),
        f"{prefix}-INITIAL_FORMS": sum(row is not None for row, _ in listed),
    }
    for number, (row, typed) in enumerate(listed):
        sent[f"{prefix}-{number}-id"] = row.pk if row else ""
        if typed is None:
            sent[f"{prefix}-{number}-DELETE"] = "on"
        cells = [getattr(row, field) for field in fields] if typed is None else typed
        for field, value in zip(fields, cells, strict=True):
            sent[f"{prefix}-{number}-{field}"] = "" if value is None else value
    return sent


def post_year(operator, year, *, tiers=None, bands=None, sold_from="2026-06-01", **settings):
    """Post the year's page with these price lists; return the response."""
    tiers = tiers if tiers is not None else [(tier, values(tier)) for tier in year.tiers.order_by("from_classes")]
    if bands is None:
        bands = [(band, (band.from_units, band.unit_ht)) for band in year.bands.order_by("from_units")]
    sent = {"sold_from": sold_from} | settings
    sent |= formset_fields("tiers", tiers, ("from_classes", "to_classes", "price_ttc"))
    sent |= formset_fields("bands", bands, ("from_units", "unit_ht"))
    return operator.post(f"/admin/catalogue/schoolyear/{year.pk}/change/", sent)


def values(tier):
    return tier.from_classes, tier.to_classes, tier.price_ttc


def bounds(year):
    return list(year.tiers.order_by("from_classes").values_list("from_classes", "to_classes"))


def test_the_bounds_of_all_tiers_are_moved_at_once(operator, year):
    moved = [(1, 1), (2, 6), (7, 12), (13, 20), (21, None)]
    tiers = year.tiers.order_by("from_classes")
    listed = [(tier, (*span, tier.price_ttc)) for tier, span in zip(tiers, moved, strict=True)]
    assert post_year(operator, year, tiers=listed).status_code == 302
    assert bounds(year) == moved
    assert "2 à 6\u00a0classes 199,00\u00a0€ TTC" in LogEntry.objects.get().change_message


def test_the_seller_says_until_when_a_year_is_sold_and_from_when_it_is_used(operator, year):
    settings = {"sold_until": "2027-07-15", "usable_at_once": "on", "countdown_from_order": "on"}
    assert post_year(operator, year, **settings).status_code == 302
    year.refresh_from_db()
    assert (year.sold_until, year.usable_at_once, year.countdown_from_order) == (datetime.date(2027, 7, 15), True, True)
    history = LogEntry.objects.get().change_message.replace("\u00a0", " ")
    assert "jusqu'au 15 juillet 2027 inclus. Utilisable dès la commande, 45 jours comptés de la commande." in history


@pytest.mark.parametrize(
    ("sold_from", "sold_until", "message"),
    [
        ("2026-06-01", "2026-05-31", "Choisissez un jour entre le 1er juin 2026 et le 31 août 2027."),
        ("2026-06-01", "2027-09-01", "Choisissez un jour entre le 1er juin 2026 et le 31 août 2027."),
        ("", "2027-07-15", "Indiquez d’abord le premier jour de vente."),
    ],
)
def test_a_last_day_of_sale_outside_the_sale_is_refused(operator, year, sold_from, sold_until, message):
    answer = post_year(operator, year, sold_from=sold_from, sold_until=sold_until)
    assert answer.status_code == 200
    assert message in html.unescape(answer.content.decode()).replace("\u00a0", " ")
    year.refresh_from_db()
    assert year.sold_until is None


def test_a_list_is_typed_from_nothing(operator, year):
    SchoolTier.objects.all().delete()
    PriceBand.objects.all().delete()
    answer = post_year(operator, year, tiers=[(None, tier) for tier in TIERS], bands=[(None, (1, "35.00"))])
    assert answer.status_code == 302
    assert bounds(year) == [(first, last) for first, last, _price in TIERS]
    assert year.bands.get().product == get_licence_product()


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ([(1, 1, "49"), (3, None, "30")], "une école de 2\u00a0classes ne trouverait pas de prix"),
        ([(1, 0, "49")], "Un palier commence à 1 classe au moins"),
        ([(1, None, "0")], "Un prix est supérieur à zéro"),
        ([], "Une année en vente a des paliers"),
    ],
)
def test_a_list_that_leaves_a_school_without_a_price_is_refused(operator, year, tiers, message):
    gone = [(tier, None) for tier in year.tiers.all()]
    answer = post_year(operator, year, tiers=gone + [(None, typed) for typed in tiers])
    assert message in answer.content.decode()
    assert bounds(year) == [(first, last) for first, last, _price in TIERS]


@pytest.mark.parametrize(
    ("bands", "message"),
    [([(10, "35")], "Le premier tarif commence à 1 licence"), ([], "Une année en vente a des tarifs")],
)
def test_a_list_that_leaves_a_volume_without_a_price_is_refused(operator, year, bands, message):
    gone = [(band, None) for band in year.bands.all()]
    assert message in post_year(operator, year, bands=gone + [(None, typed) for typed in bands]).content.decode()
    assert year.bands.count() == 4


def test_the_sale_begins_on_a_day_that_makes_sense(operator, year):
    answer = post_year(operator, year, sold_from="2024-06-01").content.decode()
    assert "entre le 1er\u00a0septembre 2025 et le 31\u00a0août 2027" in answer
    assert post_year(operator, year, sold_from="").status_code == 302
    assert SchoolYear.objects.get(pk=year.pk).sold_from is None


@pytest.mark.small
def test_the_button_of_a_year_leads_to_the_page_that_carries_its_prices_over(operator, year):
    answer = operator.get(f"/admin/catalogue/schoolyear/{year.pk}/renew/")
    assert answer["Location"] == f"/admin/catalogue/schoolyear/{year.pk}/reconduire/"


def test_prices_are_carried_over_to_the_next_year_once(operator, year):
    page = f"/admin/catalogue/schoolyear/{year.pk}/reconduire/"
    shown = operator.get(page).content.decode()
    assert "2027-2028" in shown
    assert "199,00\u00a0€" in shown
    assert not SchoolYear.objects.filter(ends_on=datetime.date(2028, 8, 31)).exists()
    assert operator.post(page).status_code == 302
    after = SchoolYear.objects.get(ends_on=datetime.date(2028, 8, 31))
    assert after.sold_from is None
    assert [values(tier) for tier in after.tiers.order_by("from_classes")] == [
        (first, last, Decimal(price)) for first, last, price in TIERS
    ]
    again = operator.post(page)
    assert again.status_code == 409
    assert "rien n’a été copié" in again.content.decode().replace("&#x27;", "’").replace("'", "’")
    assert after.tiers.count() == 5
    assert LogEntry.objects.count() == 1


def test_vat_is_a_rate_that_exists(operator, db):
    product = get_licence_product()
    page = f"/admin/catalogue/product/{product.pk}/change/"
    sent = {"name": product.name, "for_elementary": "on"}
    assert "Ce taux n’existe pas" in operator.post(page, sent | {"vat_rate": "19.60"}).content.decode()
    assert operator.post(page, sent | {"vat_rate": "5.50"}).status_code == 302
    product.refresh_from_db()
    assert product.vat_rate == Decimal("5.50")


def test_the_list_of_years_takes_constant_queries(operator, year):
    def count_queries():
        with CaptureQueriesContext(connection) as queries:
            operator.get("/admin/catalogue/schoolyear/")
        return len(queries)

    count_queries()  # warm up caches
    once = count_queries()
    for last in (2028, 2029, 2030):
        put_on_sale(ends_on=datetime.date(last, 8, 31), sold_from=datetime.date(last - 1, 6, 1))
    assert count_queries() == once


def test_prices_are_read_and_typed_with_a_comma_and_days_say_1er(operator, year):
    page = operator.get(f"/admin/catalogue/schoolyear/{year.pk}/change/").content.decode()
    assert 'value="199,00"' in page
    assert 'value="35,00"' in page
    assert "1er\u00a0septembre 2026" in page
    assert "1 septembre 2026" not in page
    assert "1er\u00a0septembre 2026" in operator.get("/admin/catalogue/schoolyear/").content.decode()
    [second] = year.tiers.filter(from_classes=2)
    listed = [
        (tier, (tier.from_classes, tier.to_classes, "189,50 €" if tier == second else tier.price_ttc))
        for tier in year.tiers.order_by("from_classes")
    ]
    assert post_year(operator, year, tiers=listed).status_code == 302
    second.refresh_from_db()
    assert second.price_ttc == Decimal("189.50")


def test_the_operator_is_warned_of_a_tier_dearer_than_smaller_ones_and_may_keep_it(operator, year):
    saved = post_year(operator, year, sold_from="2026-06-02")
    assert saved.status_code == 302
    page = operator.get(saved["Location"]).content.decode().replace("\u00a0", " ")
    assert "Pour 2 classes, le palier coûte 199,00 € ; 2 commandes de 1 classe coûtent 98,00 €." in page
    year.refresh_from_db()
    assert year.sold_from == datetime.date(2026, 6, 2)
