"""`/imports/{id}/rows`: listing and amending the rows of a spreadsheet."""

import pytest

from imports.models import ImportRow
from licensing.pools.operations import allocate
from tests.api import spreadsheets
from tests.api.client import assert_problem
from tests.conftest import TERM
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.imports.sample_files import schools_csv
from tests.tiers import sampled

pytestmark = pytest.mark.slow


@pytest.fixture
def pool(nimes):
    return PoolFactory(capacity=100)


def checked(api, pool, *lines):
    return spreadsheets.upload_and_check(api, schools_csv(*lines), purpose="allocation", pool=pool.pk)["id"]


def amend(api, row, body, number):
    return api.request("PATCH", f"/imports/{number}/rows/{row['id']}", body)


def test_a_row_is_returned_with_its_verdict(api, pool):
    school = SchoolFactory(name="École Jean Jaurès")
    number = checked(api, pool, (school, 3, school.email))
    [row] = spreadsheets.list_rows(api, number)
    assert row == {
        "id": row["id"],
        "sheet": 0,
        "number": 2,
        "cells": {"uai": school.uai, "units": "3", "email": school.email},
        "edits": {},
        "uai": school.uai,
        "match_method": "uai",
        "confidence": 1.0,
        "label": "École Jean Jaurès – Nîmes",
        "proposals": [],
        "email": school.email,
        "recipient": school.email,
        "units": 3,
        "units_before": 0,
        "classes": None,
        "contact_name": "",
        "phone": "",
        "previous_contact": None,
        "verdict": "new",
        "problems": [],
        "resolution": "",
        "ignored_reason": "",
        "set_aside": False,
        "awaited": False,
        "ticked": True,
        "effect": "created",
    }
    assert api.get(f"/imports/{number}/rows/{row['id']}").json() == row


def test_rows_are_filtered_and_in_file_order(api, pool):
    schools = SchoolFactory.create_batch(3)
    number = checked(api, pool, *[(school, 1) for school in schools], (next_uai(), 1), ("Total", 4))
    by_number = [row["number"] for row in spreadsheets.list_rows(api, number)]
    assert by_number == [2, 3, 4, 5, 6]
    first = api.get(f"/imports/{number}/rows?limit=2").json()
    after = api.get(first["next"].partition("/api/v1")[2]).json()["data"]
    assert [row["number"] for row in [*first["data"], *after]] == [2, 3, 4, 5]
    for query, found in {
        "verdict=error": [5],
        "code=unknown_school": [5],
        "code=x": [],
        f"uai={schools[1].uai.lower()}": [3],
        "ticked=true": [2, 3, 4],
        "ticked=false&verdict=ignored": [6],
        "sheet=0": by_number,
        "sheet=1": [],
    }.items():
        assert [row["number"] for row in spreadsheets.list_rows(api, number, f"?{query}")] == found, query
    for query in ("verdict=x", "ticked=1", "sheet=x", "sheet=-1", "feuille=0", "ticked="):
        assert_problem(api.get(f"/imports/{number}/rows?{query}"), 400, "invalid_request")


def test_a_row_is_corrected_ignored_and_restored(api, pool):
    school, other = SchoolFactory.create_batch(2)
    number = checked(api, pool, (school, "x"), ("0000000A", 1))
    wrong, unknown = spreadsheets.list_rows(api, number)
    assert [problem["code"] for problem in wrong["problems"]] == ["units_invalid"]
    assert wrong["problems"][0]["blocking"]
    fixed = amend(api, wrong, {"edits": {"units": "4", "email": "a@ville.example"}}, number).json()
    assert (fixed["verdict"], fixed["units"], fixed["recipient"], fixed["ticked"]) == (
        "new",
        4,
        "a@ville.example",
        True,
    )
    assert fixed["edits"] == {"units": "4", "email": "a@ville.example"}
    assert amend(api, unknown, {"edits": {"uai": other.uai}}, number).json()["uai"] == other.uai
    for aside, verdict in ((True, "ignored"), (True, "ignored"), (False, "new")):
        changed = amend(api, fixed, {"set_aside": aside}, number).json()
        assert (changed["set_aside"], changed["verdict"]) == (aside, verdict)
    assert amend(api, fixed, {"ticked": False}, number).json()["effect"] == ""
    assert amend(api, fixed, {}, number).json() == api.get(f"/imports/{number}/rows/{fixed['id']}").json()


def test_a_conflict_is_resolved(api, pool):
    school = SchoolFactory()
    allocate(pool_id=pool.pk, uai=school.uai, units=5, recipient=school.email, by=None, at=TERM)
    number = checked(api, pool, (school, 2))
    [row] = spreadsheets.list_rows(api, number)
    assert (row["verdict"], row["units_before"], row["effect"]) == ("conflict", 5, "")
    assert spreadsheets.get_import(api, number)["plan"]["conflicts"] == 1
    settled = amend(api, row, {"resolution": "reduce"}, number).json()
    assert (settled["resolution"], settled["effect"], settled["ticked"]) == ("reduce", "reduced", True)
    plan = spreadsheets.get_import(api, number)["plan"]
    assert (plan["reduced"], plan["units"], plan["conflicts"]) == (1, -3, 0)
    assert amend(api, row, {"resolution": ""}, number).json()["resolution"] == ""


def test_a_school_not_yet_in_the_directory_can_be_awaited(api, pool):
    number = checked(api, pool, (next_uai(), 2), (SchoolFactory(), 1))
    unknown, known = spreadsheets.list_rows(api, number)
    assert amend(api, unknown, {"awaited": True}, number).json()["awaited"]
    assert_problem(amend(api, known, {"awaited": True}, number), 409, "cannot_await")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"ticked": True}, "row_cannot_be_ticked"),
        ({"resolution": "reduce"}, "cannot_resolve"),
        ({"edits": {"classes": "3"}}, "not_editable"),
        ({"edits": {"units": "3", "phone": "04"}, "set_aside": True}, "not_editable"),
    ],
)
def test_a_refused_amendment_changes_nothing(api, pool, body, code):
    number = checked(api, pool, (SchoolFactory(), "x"))
    [row] = spreadsheets.list_rows(api, number)
    assert_problem(amend(api, row, body, number), 409, code)
    assert spreadsheets.list_rows(api, number) == [row]


@pytest.mark.parametrize(
    ("body", "field"),
    sampled(
        [
            ({"ticked": "oui"}, "ticked"),
            ({"ticked": None}, "ticked"),
            ({"set_aside": 1}, "set_aside"),
            ({"resolution": "autre"}, "resolution"),
            ({"edits": {"units": 3}}, "edits.units"),
            ({"edits": {"units": "3" * 301}}, "edits.units"),
            ({"edits": {"email": "a\x00"}}, "edits.email"),
            ({"edits": {"name": "École"}}, "edits.name"),
            ({"edits": "x"}, "edits"),
            ({"verdict": "new"}, "verdict"),
        ],
        fast=2,
    ),
)
def test_a_wrong_field_of_a_row_is_named(api, pool, body, field):
    number = checked(api, pool, (SchoolFactory(), 3))
    [row] = spreadsheets.list_rows(api, number)
    result = assert_problem(amend(api, row, body, number), 400, "invalid_request")
    assert [fault["field"] for fault in result["errors"]] == [field]


def test_a_row_of_another_import_is_a_404(api, pool):
    mine, other = (checked(api, pool, (SchoolFactory(), 1)) for _ in range(2))
    [row] = spreadsheets.list_rows(api, other)
    assert_problem(api.get(f"/imports/{mine}/rows/{row['id']}"), 404, "not_found")
    assert_problem(amend(api, row, {"ticked": False}, mine), 404, "not_found")
    for number in ("0", "-1", str(10**12), str(10**30), "x"):
        assert_problem(api.get(f"/imports/{mine}/rows/{number}"), 404, "not_found")


def test_applied_rows_cannot_be_changed(api, pool):
    table = spreadsheets.upload_and_apply(api, schools_csv((SchoolFactory(), 1)), purpose="allocation", pool=pool.pk)
    [row] = spreadsheets.list_rows(api, table["id"])
    assert row["effect"] == "created"
    assert_problem(amend(api, row, {"ticked": False}, table["id"]), 409, "invalid_state")


def test_a_portfolio_row_returns_the_previous_values(api):
    school = PortfolioSchoolFactory(contact_name="Claire", classes=3).school
    content = schools_csv((school, 5), titles=("UAI", "Classes"))
    number = spreadsheets.upload_and_check(api, content, purpose="portfolio")["id"]
    [row] = spreadsheets.list_rows(api, number)
    assert (row["verdict"], row["classes"], row["units"]) == ("changed", 5, None)
    assert row["previous_contact"] == {"contact_name": "Claire", "contact_email": "", "contact_phone": "", "classes": 3}
    changed = amend(api, row, {"edits": {"phone": "04 66 00 00 00", "contact_name": "Paul"}}, number).json()
    assert (changed["phone"], changed["contact_name"]) == ("04 66 00 00 00", "Paul")
    assert_problem(amend(api, row, {"edits": {"units": "3"}}, number), 409, "not_editable")


@pytest.mark.small
def test_a_school_is_proposed_by_its_name(api, pool):
    SchoolFactory(name="École élémentaire Jean Jaurès")
    SchoolFactory(name="École maternelle Jean Jaurès", has_elementary=False, has_nursery=True)
    content = schools_csv(("Jean Jaurès", "Nîmes", 2), titles=("École", "Commune", "Licences"))
    number = spreadsheets.upload_and_check(api, content, purpose="allocation", pool=pool.pk)["id"]
    [row] = spreadsheets.list_rows(api, number)
    assert set(row["proposals"][0]) == {"uai", "label", "score"} if row["proposals"] else row["uai"]
    assert ImportRow.objects.get().pk == row["id"]
