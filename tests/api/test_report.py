"""`/report`: the figures of a school year."""

import pytest

from collectivities.capabilities import Role
from tests.api.client import assert_problem
from tests.factories.collectivities import MemberFactory
from tests.factories.orders import PurchaseFactory
from tests.html import collapse
from tests.sites.office.report_years import NOW, spend_two_years

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def schools(nimes):
    return spend_two_years(nimes)


def test_the_report_has_the_figures_of_the_page(schools, api, office):
    found = api.get("/report").json()
    assert found["year"] == 2027
    assert found["counted_on"] == "2026-11-27"
    assert found["figures"] == {"bought": 30, "granted": 30, "given": 15, "redeemed": 14, "used": 12, "schools": 4}
    assert found["same_day_last_year"]["used"] == 4
    assert found["last_year"]["used"] == 5
    assert found["schools_by_use"] == {"all_used": 1, "some_used": 2, "none_used": 0, "not_redeemed": 1}
    assert [(one["name"], one["used"]) for one in found["schools"]] == [("École Grande", 8), ("École Moyenne", 3)]
    assert found["grouped_schools"] == {"count": 2, "given": 3, "redeemed": 2, "used": 1}
    assert (found["weeks"][-1]["redeemed"], found["weeks"][-1]["used"]) == (14, 12)
    page = office("nimes", MemberFactory(roles=[Role.VIEWER]).user).get("/rapport/").content.decode()
    assert "<strong>12</strong>" in collapse(page)


def test_a_year_is_named_by_its_end(schools, api):
    assert api.get("/report?year=2026").json()["figures"]["given"] == 9
    assert api.get("/report?year=2026").json()["same_day_last_year"] is None


def test_amounts_are_texts_and_what_was_given_for_nothing_has_none(schools, api):
    assert set(api.get("/report").json()["cost"].values()) == {None}
    order = PurchaseFactory(placed=True, at=NOW)
    cost = api.get("/report").json()["cost"]
    assert cost["total_ht"] == f"{order.total_ht:.2f}"
    assert cost["used_class_ttc"] == f"{order.total_ttc / 12:.2f}"


@pytest.mark.parametrize(
    "query", ["year=x", "year=", "year=-1", "year=1000000000000", "year=2027&year=2026", "annee=2027"]
)
def test_a_year_that_is_none_is_refused(schools, api, query):
    assert api.get(f"/report?{query}").status_code == 400


@pytest.mark.parametrize("year", [0, 2025, 2028, 9999, 2_147_483_647])
def test_a_year_without_licences_is_not_found(schools, api, year):
    assert_problem(api.get(f"/report?year={year}"), 404, "not_found")


@pytest.mark.small
def test_an_office_without_licences_has_a_report_of_none(api):
    found = api.get("/report").json()
    assert found["year"] == 2027
    assert set(found["figures"].values()) == {0}
    assert (found["schools"], found["weeks"], found["grouped_schools"], found["last_year"]) == ([], [], None, None)


def test_the_report_asks_as_much_of_many_schools(schools, api, django_assert_num_queries):
    api.get("/report")
    with django_assert_num_queries(19):
        api.get("/report")
