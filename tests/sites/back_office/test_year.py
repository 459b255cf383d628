"""« L'année, par collectivité »: what each collectivity bought, uses, and bought again."""

import datetime
import io
import re

import openpyxl
import pytest
from django.urls import reverse
from django_tenants.utils import schema_context, tenant_context

from licensing.pools.positions import list_pool_positions
from sites.back_office.year_figures import add_up_years, compute_year
from sites.office.year_report import read_report
from tests.factories.accounts import OperatorFactory, UserFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.html import collapse
from tests.orders import actions
from tests.sites.office.report_years import NOW, THIS_OCTOBER, open_pool, release_all, serve, spend_two_years

pytestmark = pytest.mark.slow

TODAY = NOW.date()


def address(name, *args):
    return reverse(f"admin:{name}", urlconf="config.urls_public", args=args)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def operator(portal):
    portal.force_login(OperatorFactory())
    return portal


@pytest.fixture
def served(nimes, gard):
    """Nîmes was granted licences of two years; the Gard bought some, and uses two."""
    spend_two_years(nimes)
    with tenant_context(gard):
        order = PurchaseFactory(paid=True, at=THIS_OCTOBER, units=100)
        pool = type("Lot", (), {"pk": list_pool_positions()[0].pool_id})
        serve(pool, SchoolFactory(), units=5, used=2, at=THIS_OCTOBER)
    return order


def compute(year=2027):
    with schema_context("public"):
        return {row.name: row for row in compute_year(year, TODAY)}


def test_each_collectivity_has_what_it_bought_and_what_became_of_it(served):
    rows = compute()
    gard, nimes = rows["Département du Gard"], rows["Ville de Nîmes"]
    assert (gard.sold, gard.price_ht, gard.granted) == (100, served.total_ht, 0)
    assert (gard.given, gard.redeemed, gard.used, gard.used_part) == (5, 5, 2, 0.4)
    assert (nimes.sold, nimes.granted, nimes.given, nimes.redeemed, nimes.used) == (0, 30, 15, 14, 12)
    total = add_up_years(rows.values())
    assert (total.sold, total.granted, total.used) == (100, 30, 14)


def test_the_figures_are_those_of_the_office_s_report(served, nimes):
    for year in (2026, 2027):
        row, figures = compute(year)["Ville de Nîmes"], read_report(year, TODAY).figures
        assert (row.granted, row.given, row.redeemed, row.used) == figures[1:5]


def test_a_year_that_is_over_keeps_its_figures(served, nimes):
    before = compute(2026)["Ville de Nîmes"].used
    release_all(at=NOW - datetime.timedelta(days=1))
    assert compute(2026)["Ville de Nîmes"].used == before == 5


def test_what_is_bought_again_is_compared_with_the_year_before(gard):
    with tenant_context(gard):
        order = PurchaseFactory(paid=True, at=THIS_OCTOBER, units=100)
        actions.credit(order, licences=20, at=NOW)
    order.refresh_from_db()
    this, next_year = compute()["Département du Gard"], compute(2028)["Département du Gard"]
    assert (this.sold, this.sold_before, this.change) == (80, 0, 80)
    assert this.price_ht < order.total_ht
    assert (next_year.sold, next_year.sold_before, next_year.change) == (0, 80, -80)
    assert compute(2026)["Département du Gard"].sold_after == 80


def test_only_orders_of_collectivities_that_stand_are_sales(gard):
    with tenant_context(gard):
        for outcome in ("cancelled", "quoted", "lapsed"):
            PurchaseFactory(**{outcome: True})
    with schema_context("public"):
        OrderFactory(paid=True)
    assert {name: row.sold for name, row in compute().items()} == {"Département du Gard": 0}


# --- The page ---------------------------------------------------------------------------------------------------------


def names(page):
    return re.findall(r'<th scope="row" class="fw-normal"> ?<a [^>]*>([^<]+)</a>', page)


GARD, NIMES = "Département du Gard", "Ville de Nîmes"


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("", GARD),
        ("nom", GARD),
        ("-nom", NIMES),
        ("-utilisees", NIMES),
        ("utilisees", GARD),
        ("-part", NIMES),
        ("-prix", GARD),
        ("__class__", GARD),
        ("-", GARD),
    ],
)
def test_the_page_is_sorted_by_any_column(served, operator, sort, first):
    page = collapse(operator.get(address("year"), {"tri": sort}).content.decode())
    assert "L’année 2026-2027, par collectivité" in page
    assert names(page)[0] == first
    assert page.count("aria-sort=") == 1
    assert "style=" not in page


def test_a_year_without_licences_is_not_found(served, operator):
    assert operator.get(address("year_of", 2026)).status_code == 200
    for year in (0, 1, 2025, 2028, 10**12):
        assert operator.get(address("year_of", year)).status_code == 404
        assert operator.get(address("year_workbook", year)).status_code == 404


@pytest.mark.small
def test_without_any_licence_the_page_says_so(operator, db):
    assert "Aucune collectivité n’a de licences" in operator.get(address("year")).content.decode()


def test_the_workbook_has_the_same_rows_as_numbers(served, operator):
    answer = operator.get(address("year_workbook", 2027))
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content))["2026-2027"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    assert [row[0] for row in rows] == ["Département du Gard", "Ville de Nîmes"]
    assert rows[0][2:] == [100, float(served.total_ht), 0, 5, 5, 2, 0.4, 0, 100, 0]


def test_the_page_and_its_file_are_the_operator_s(portal, served):
    portal.force_login(UserFactory(is_staff=True))
    for path in (address("year"), address("year_of", 2027), address("year_workbook", 2027)):
        assert portal.get(path).status_code in (302, 403)


def test_the_page_asks_as_much_of_many_collectivities(served, operator, nimes, gard, django_assert_max_num_queries):
    operator.get(address("year"))
    with django_assert_max_num_queries(9):
        operator.get(address("year"))
    with tenant_context(gard):
        open_pool(gard, 2027)
    with django_assert_max_num_queries(9):
        operator.get(address("year"))
