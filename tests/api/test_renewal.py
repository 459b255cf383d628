"""`/renewal`: the list of the next year, read and written."""

import datetime

import pytest

from core.calendar import PARIS
from licensing.plans.renewals.models import Renewal, RenewalLine
from tests.api.client import assert_problem, create_client
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.renewals.renewed_office import MAY, RenewedOffice
from tests.tiers import sampled

pytestmark = pytest.mark.slow


@pytest.fixture
def renewed(nimes, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: MAY)
    return RenewedOffice(nimes)


def put(api, version, *lines):
    body = {"version": version, "lines": [{"uai": uai, "units": units} for uai, units in lines]}
    return api.request("PUT", "/renewal/lines", body)


def test_the_list_is_that_of_the_page(renewed, api):
    found = api.get("/renewal").json()
    lines = {line["name"]: line for line in found.pop("lines")}
    assert found == {
        "year": 2028,
        "opens_on": "2027-04-01",
        "state": "open",
        "version": 0,
        "total": 9,
        "given": 13,
        "to_order": 9,
        "order": None,
    }
    assert len(lines) == 3
    assert lines["École Zola"] | {"uai": "", "commune": ""} == {
        "uai": "",
        "name": "École Zola",
        "commune": "",
        "given": 3,
        "peak": 0,
        "used": 0,
        "proposed": 0,
        "reason": "clé jamais activée",
        "units": 0,
        "typed": False,
    }


def test_numbers_are_written_and_taken_back(renewed, api):
    found = put(api, 0, (renewed.zola.pk, 2), (renewed.verne.pk, 1)).json()
    assert (found["version"], found["total"]) == (1, 12)
    found = put(api, 1, (renewed.zola.pk, None)).json()
    assert (found["version"], found["total"], RenewalLine.objects.count()) == (2, 10, 1)


def test_whoever_read_an_older_list_writes_nothing(renewed, api):
    renewed.edit({renewed.verne.pk: 1})
    assert_problem(put(api, 0, (renewed.zola.pk, 2)), 409, "renewal_changed")
    assert renewed.units() == (6, 3, 0, 1)


def test_a_school_that_is_none_or_named_twice_is_refused(renewed, api):
    assert_problem(put(api, 0, ("0300000A", 2)), 409, "invalid_renewal_line")
    for written in (renewed.zola.pk.lower(), " ", "\x1c", "x" * 20):
        assert_problem(put(api, 0, (written, 2)), 400, "invalid_request")
    assert_problem(put(api, 0, (renewed.zola.pk, 2), (renewed.zola.pk, 3)), 409, "invalid_renewal_line")
    assert not Renewal.objects.exists()


@pytest.mark.parametrize("units", [-1, 201, 10**12, "2", True, 1.5])
def test_a_number_that_is_none_is_refused(renewed, api, units):
    assert_problem(put(api, 0, (renewed.zola.pk, units)), 400, "invalid_request")


@pytest.mark.parametrize("version", sampled([None, -1, "0", 10**12], fast=1))
def test_a_version_that_is_none_is_refused(renewed, api, version):
    assert_problem(put(api, version, (renewed.zola.pk, 2)), 400, "invalid_request")


def test_a_quote_and_a_refusal_keep_the_list(renewed, api):
    order = renewed.order()
    found = api.get("/renewal").json()
    assert (found["order"], found["state"], found["to_order"]) == (order.pk, "quoted", 0)
    assert_problem(put(api, 1, (renewed.zola.pk, 2)), 409, "wrong_renewal_state")


def test_before_april_there_is_only_its_day(renewed, api, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime.datetime(2027, 3, 31, 12, tzinfo=PARIS))
    found = api.get("/renewal").json()
    assert (found["opens_on"], found["lines"], found["total"]) == ("2027-04-01", [], 0)
    assert_problem(put(api, 0, (renewed.zola.pk, 2)), 409, "renewal_not_open")


def test_another_office_has_a_list_of_its_own(renewed, api, gard):
    renewed.edit({renewed.verne.pk: 1})
    theirs = create_client("gard")
    assert theirs.get("/renewal").json()["lines"] == []


def test_the_list_asks_as_much_of_many_schools(renewed, api, django_assert_num_queries):
    renewed.edit({renewed.verne.pk: 1})
    api.get("/renewal")
    with django_assert_num_queries(15):
        api.get("/renewal")
    for _ in range(10):
        renewed.edit({PortfolioSchoolFactory(school=SchoolFactory()).school_id: 2})
    with django_assert_num_queries(15):
        api.get("/renewal")
