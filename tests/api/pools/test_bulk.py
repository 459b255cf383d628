"""`POST /allocations/bulk`: all or nothing with every wrong row, or best effort until the pool is exhausted."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collectivities.models import AuditEntry
from licensing.entitlements.models import ActivationKey, Entitlement
from licensing.orders import operations as orders
from licensing.pools.models import Allocation, Pool
from licensing.pools.positions import list_pool_positions
from mailing.models import Message
from schools.models import SchoolState
from tests.api.client import assert_problem
from tests.api.pools.assertions import assert_nothing_allocated
from tests.factories.accounts import PrincipalFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units, mark_redeemed

ALL_OR_NOTHING, BEST = "all_or_nothing", "best_effort"


def bulk(api, pool, rows, mode=ALL_OR_NOTHING, /, **changes):
    return api.post("/allocations/bulk", {"pool": pool.pk, "mode": mode, "allocations": rows} | changes)


def row(school, units=3, /, **changes):
    return {"school": school.uai, "units": units} | changes


@pytest.mark.slow
@pytest.mark.parametrize("mode", [ALL_OR_NOTHING, BEST])
def test_a_bulk_allocation_returns_a_result_per_row_in_order(api, pool, mode):
    schools = SchoolFactory.create_batch(4)
    PortfolioSchoolFactory(school=schools[1], contact_email="direction@ecole.example")
    first = allocate_units(pool, schools[2], units=2, at=timezone.now())
    had = allocate_units(pool, schools[3], units=5, at=timezone.now())
    rows = [row(schools[0]), row(schools[1], 4), row(schools[2], 1), row(schools[3], 5, total=True)]
    answer = bulk(api, pool, rows, mode)
    assert answer.status_code == 200
    data = answer.json()
    sums = (data["pool"], data["units"], data["created"], data["grown"], data["unchanged"], data["rejected"])
    assert sums == (pool.pk, 8, 2, 1, 1, 0)
    numbers = dict(Allocation.objects.values_list("school_id", "pk"))
    assert data["results"] == [
        {"row": place, "school": school.uai, "result": result, "allocation": numbers[school.uai], "units": units,
         "code": None, "detail": None}
        for place, (school, result, units) in enumerate(
            zip(schools, ["created", "created", "grown", "unchanged"], [3, 4, 3, 5], strict=True)
        )
    ]  # fmt: skip
    assert (data["results"][2]["allocation"], data["results"][3]["allocation"]) == (first.pk, had.pk)
    assert Allocation.objects.get(school=schools[1].uai).recipient == "direction@ecole.example"
    assert Pool.objects.get(pk=pool.pk).allocated == 15
    assert all(position.is_balanced for position in list_pool_positions())


@pytest.mark.slow
def test_the_journal_records_the_list_once_and_each_school_its_own(api, pool, office):
    schools = SchoolFactory.create_batch(3)
    bulk(api, pool, [row(school) for school in schools])
    [entry] = AuditEntry.objects.filter(action="pools.bulk_allocated")
    outcome = entry.summary.replace("\N{NO-BREAK SPACE}", " ")
    assert outcome == "9 licences attribuées à 3 établissements sur le lot « Lot A »."
    assert entry.actor_name == "Jeton « SI de la ville »"
    home = office("nimes", MemberFactory().user).get("/").content.decode()
    assert (entry.summary in home, f"à {schools[0].name}" in home) == (True, False)
    own = AuditEntry.objects.filter(action="pools.allocated_by_list")
    assert sorted(own.values_list("school_id", flat=True)) == sorted(school.uai for school in schools)


def wrong_rows():
    """Return rows of which one is valid, and the index, code and field of each error."""
    right, closed = SchoolFactory(), SchoolFactory(state=SchoolState.CLOSED, closed_at=timezone.now())
    rows = [
        row(right),
        row(closed),
        row(SchoolFactory.build()),
        row(SchoolFactory(), recipient="pas une adresse"),
        row(SchoolFactory(email="")),
        row(right, 1),
        row(SchoolFactory(), recipient=" a@b.example"),
    ]
    wrong = [
        (1, "school_closed", "school"),
        (2, "unknown_school", "school"),
        (3, "invalid_recipient", "recipient"),
        (4, "recipient_missing", "recipient"),
        (5, "duplicate_school", "school"),
        (6, "invalid_recipient", "recipient"),
    ]
    return rows, wrong


def test_all_or_nothing_names_every_invalid_row_and_allocates_nothing(api, pool):
    rows, wrong = wrong_rows()
    outcome = assert_problem(bulk(api, pool, rows), 409, "rows_rejected")
    assert [(f["row"], f["code"], f["field"]) for f in outcome["errors"]] == [
        (place, code, f"allocations.{field}") for place, code, field in wrong
    ]
    assert all(fault["detail"] for fault in outcome["errors"])
    assert outcome["errors"][1]["detail"].endswith(f"{rows[2]['school']}.")
    assert_nothing_allocated(pool)


def test_all_or_nothing_names_totals_that_would_shrink(api, pool):
    school = SchoolFactory()
    allocate_units(pool, school, units=5, at=timezone.now())
    outcome = assert_problem(bulk(api, pool, [row(SchoolFactory()), row(school, 4, total=True)]), 409, "rows_rejected")
    assert [(fault["row"], fault["code"], fault["field"]) for fault in outcome["errors"]] == [
        (1, "would_reduce", "allocations.units")
    ]
    assert Allocation.objects.count() == 1


def test_all_or_nothing_beyond_the_pool_allocates_nothing(api, pool):
    rows = [row(SchoolFactory(), 51), row(SchoolFactory(), 50)]
    assert_problem(bulk(api, pool, rows), 409, "pool_exhausted")
    assert_nothing_allocated(pool)


def test_best_effort_allocates_the_valid_rows_and_explains_the_others(api, pool):
    rows, wrong = wrong_rows()
    data = bulk(api, pool, rows, BEST).json()
    assert (data["created"], data["rejected"], data["units"]) == (1, 6, 3)
    assert [(r["row"], r["code"]) for r in data["results"]] == [(0, None), *((place, code) for place, code, _ in wrong)]
    for result in data["results"][1:]:
        assert (result["result"], result["allocation"], result["units"]) == ("rejected", None, None)
        assert result["detail"]
    assert [result["school"] for result in data["results"]] == [asked["school"] for asked in rows]
    assert Allocation.objects.get().school_id == rows[0]["school"]


def test_best_effort_goes_on_after_a_row_that_does_not_fit(api, pool):
    rows = [row(SchoolFactory(), units) for units in (60, 50, 30, 11, 10, 1)]
    data = bulk(api, pool, rows, BEST).json()
    assert [result["result"] for result in data["results"]] == [
        "created", "rejected", "created", "rejected", "created", "rejected"
    ]  # fmt: skip
    assert {result["code"] for result in data["results"]} == {None, "pool_exhausted"}
    assert "10 licences libres" in data["results"][3]["detail"].replace("\N{NO-BREAK SPACE}", " ")
    assert Pool.objects.get(pk=pool.pk).allocated == 100


def test_best_effort_accepts_an_unchanged_total_from_an_empty_pool(api, pool):
    school = SchoolFactory()
    allocate_units(pool, school, units=100, at=timezone.now())
    data = bulk(api, pool, [row(SchoolFactory(), 1), row(school, 100, total=True)], BEST).json()
    assert [result["result"] for result in data["results"]] == ["rejected", "unchanged"]


def test_best_effort_with_no_valid_row_still_answers_200(api, pool):
    data = bulk(api, pool, [row(SchoolFactory.build())], BEST).json()
    assert (data["units"], data["rejected"], data["results"][0]["code"]) == (0, 1, "unknown_school")
    assert_nothing_allocated(pool)


@pytest.mark.parametrize("mode", [ALL_OR_NOTHING, BEST])
def test_a_problem_with_the_pool_refuses_all_rows(api, pool, mode):
    rows = [row(SchoolFactory())]
    assert_problem(bulk(api, pool, rows, mode, pool=2_000_000_000), 409, "unknown_pool")
    assert_problem(bulk(api, pool, rows, mode, send_on="2026-01-01"), 409, "invalid_send_date")
    Entitlement.objects.filter(pk=pool.entitlement_id).update(suspended_at=timezone.now())
    assert_problem(bulk(api, pool, rows, mode), 409, "pool_suspended")
    assert_nothing_allocated(pool)


@pytest.mark.parametrize("mode", [ALL_OR_NOTHING, BEST])
def test_a_malformed_row_is_refused_with_its_index_in_any_mode(api, pool, mode):
    school = SchoolFactory()
    rows = [row(school), row(school, "3"), 7, row(school, school="x", units=0), {}, row(school, autre=1)]
    outcome = assert_problem(bulk(api, pool, rows, mode), 400, "invalid_request")
    assert [(f["row"], f["field"], f["code"]) for f in outcome["errors"]] == [
        (1, "allocations.units", "invalid"),
        (2, "allocations", "invalid"),
        (3, "allocations.school", "invalid_uai"),
        (3, "allocations.units", "min_value"),
        (4, "allocations.school", "required"),
        (4, "allocations.units", "required"),
        (5, "allocations.autre", "unknown_field"),
    ]
    assert_nothing_allocated(pool)


@pytest.mark.parametrize(
    ("rows", "code"),
    [([], "empty"), ({}, "not_a_list"), ("x", "not_a_list"), ([{}] * 10_001, "max_length"), (None, "null")],
)
def test_a_list_has_one_to_ten_thousand_rows(api, pool, rows, code):
    outcome = assert_problem(bulk(api, pool, rows), 400, "invalid_request")
    assert [(fault["field"], fault["code"]) for fault in outcome["errors"]] == [("allocations", code)]


def test_the_mode_is_required(api, pool):
    outcome = assert_problem(bulk(api, pool, [row(SchoolFactory())], None), 400, "invalid_request")
    assert [fault["field"] for fault in outcome["errors"]] == ["mode"]


@pytest.mark.slow
def test_the_redeemed_key_of_a_school_grows_with_its_seats(api, pool):
    school = SchoolFactory()
    subscription = mark_redeemed(allocate_units(pool, school, units=2, at=timezone.now()), PrincipalFactory())
    bulk(api, pool, [row(school), row(SchoolFactory())])
    subscription.refresh_from_db()
    assert (subscription.size, subscription.seats.count()) == (5, 5)
    assert ActivationKey.objects.get(pk=subscription.key_id).units == 5


def _queries(api, pool, count, mode):
    """Allocate to twice `count` schools: half have a contact, a tenth an allocation, some rows are invalid."""
    schools = SchoolFactory.create_batch(count)
    for school in schools[::10]:
        allocate_units(pool, school, units=1, at=timezone.now())
    for school in schools[::2]:
        PortfolioSchoolFactory(school=school, contact_email=f"d.{school.uai}@ecole.example")
    rows = [row(school, 1) for school in schools]
    if mode == BEST:
        rows[1::5] = [asked | {"recipient": "rien"} for asked in rows[1::5]]
    with CaptureQueriesContext(connection) as asked:
        answer = bulk(api, pool, rows, mode)
    assert answer.status_code == 200
    assert answer.json()["grown"] == -(-count // 10)
    return [query["sql"] for query in asked.captured_queries]


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", [ALL_OR_NOTHING, BEST])
def test_ten_rows_and_a_thousand_cost_as_many_queries(api, nimes, mode, rows):
    pool = orders.grant(collectivity=nimes, licences=5000, reason="Essai", by=None, at=timezone.now())
    api.get("/pools")
    few, many = _queries(api, pool, 10, mode), _queries(api, pool, rows, mode)
    assert len(few) == len(many) <= 47
    locks = [sql for sql in many if 'FROM "pools_pool"' in sql and "FOR NO KEY UPDATE" in sql]
    assert len(locks) == 1
    assert Message.objects.count() > 0.9 * rows
