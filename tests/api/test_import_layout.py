"""`/imports/{id}/layout`: the detected layout, its questions and their answers."""

import json
from dataclasses import replace

import pytest

from imports.layout import AnswerOption, LayoutQuestion
from imports.models import RememberedLayout, SpreadsheetImport
from tests.api import spreadsheets
from tests.api.client import assert_problem
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.sample_files import build_csv, build_xlsx, schools_csv
from tests.tiers import sampled

pytestmark = pytest.mark.slow


@pytest.fixture
def pool(nimes):
    return PoolFactory(capacity=100)


@pytest.mark.small
def test_the_detected_layout_is_returned(api, pool):
    school = SchoolFactory()
    table = spreadsheets.upload_and_check(
        api, schools_csv((school, 3, "a@ville.example")), purpose="allocation", pool=pool.pk
    )
    assert table["layout"] == {
        "kind": "csv",
        "sheets": table["layout"]["sheets"],
        "read_sheets": [{"sheet": table["layout"]["sheets"][0], "index": 0, "header_row": 1}],
        "columns": [
            {"index": 0, "letters": "A", "title": "UAI", "examples": [school.uai], "meaning": "uai"},
            {"index": 1, "letters": "B", "title": "Licences", "examples": ["3"], "meaning": "units"},
            {"index": 2, "letters": "C", "title": "E-mail", "examples": ["a@ville.example"], "meaning": "email"},
        ],
        "volume": "column",
        "remembered": False,
        "rows": 1,
        "remarks": [],
        "questions": [],
        "answered": [],
    }


def test_answering_a_question_parses_the_file_again(api, pool):
    content = build_csv([["UAI", "Colonne mystère"], *[[SchoolFactory().uai, 4] for _ in range(3)]])
    table = spreadsheets.upload_and_check(api, content, purpose="allocation", pool=pool.pk)
    assert (table["state"], table["plan"]) == ("read", None)
    assert [question["code"] for question in table["layout"]["questions"]] == ["units_source_missing"]
    answer = api.post(f"/imports/{table['id']}/layout", {"columns": {"units": 1}})
    assert (answer.status_code, answer.json()["state"]) == (202, "uploaded")
    table = spreadsheets.run_check(api, table["id"])
    assert (table["state"], table["plan"]["units"]) == ("checked", 12)
    answer = api.post(
        f"/imports/{table['id']}/layout", {"volume": "all", "units_for_all": 2, "columns": {"units": None}}
    )
    table = spreadsheets.run_check(api, table["id"])
    assert (table["volume"], table["units_for_all"], table["plan"]["units"]) == ("all", 2, 6)
    api.post(f"/imports/{table['id']}/layout", {"volume": "column", "columns": {"units": 1}})
    assert spreadsheets.run_check(api, table["id"])["plan"]["units"] == 12


def test_only_explicit_answers_are_remembered(api, pool):
    spreadsheets.upload_and_apply(api, schools_csv((SchoolFactory(), 3)), purpose="allocation", pool=pool.pk)
    assert not RememberedLayout.objects.exists()
    lines = [["UAI", "Colonne mystère"], *[[SchoolFactory().uai, 4] for _ in range(3)]]
    table = spreadsheets.upload_and_check(api, build_csv(lines), purpose="allocation", pool=pool.pk)
    api.post(f"/imports/{table['id']}/layout", {"columns": {"units": 1}})
    next_year = spreadsheets.upload_and_check(api, build_csv(lines), purpose="allocation", pool=pool.pk)
    assert (next_year["state"], next_year["layout"]["remembered"]) == ("checked", True)


def test_columns_can_be_swapped(api, pool):
    content = build_csv([["UAI", "Licences", "Licences bis"], *[[SchoolFactory().uai, 4, 5] for _ in range(3)]])
    table = spreadsheets.upload_and_check(api, content, purpose="allocation", pool=pool.pk)
    api.post(f"/imports/{table['id']}/layout", {"columns": {"units": 2, "email": None}})
    table = spreadsheets.run_check(api, table["id"])
    assert {one["meaning"]: one["index"] for one in table["layout"]["columns"] if one["meaning"]} == {
        "uai": 0, "units": 2,
    }  # fmt: skip


def test_a_sheet_and_a_header_row_are_chosen(api, pool):
    titles = ["UAI", "Licences"]
    content = build_xlsx(
        [titles, [SchoolFactory().uai, 1]], sheet="2025", more={"2026": [["Liste"], titles, [SchoolFactory().uai, 7]]}
    )
    table = spreadsheets.upload_and_check(api, content, purpose="allocation", pool=pool.pk, name="écoles.xlsx")
    api.post(f"/imports/{table['id']}/layout", {"sheets": ["2026"]})
    table = spreadsheets.run_check(api, table["id"])
    assert (table["layout"]["read_sheets"], table["plan"]["units"]) == (
        [{"sheet": "2026", "index": 1, "header_row": 2}],
        7,
    )
    path = f"/imports/{table['id']}/layout"
    result = assert_problem(api.post(path, {"sheets": ["2025"], "columns": {"units": 1}}), 409, "invalid_layout")
    assert result["errors"][0]["code"] == "sheet_changed"
    assert_problem(api.post(path, {"header_row": 1, "columns": {"units": 1}}), 409, "invalid_layout")
    assert api.post(path, {"header_row": 1}).status_code == 202


@pytest.mark.parametrize(
    ("body", "field", "code"),
    sampled(
        [
            ({"columns": {"units": 0}}, "columns", None),
            ({"columns": {"units": 2, "classes": 2}}, "columns.classes", "duplicate_column"),
            ({"columns": {"units": 9}}, "columns.units", "unknown_column"),
            ({"answers": {"colour": "red"}}, "answers.colour", "unknown_question"),
            ({"columns": {"units": 2_147_483_647}}, "columns.units", "unknown_column"),
            ({"sheets": ["Autre"]}, "sheets", "invalid_choice"),
            ({"volume": "all"}, "volume", "invalid_volume"),
            ({"units_for_all": 3}, "volume", "invalid_volume"),
        ],
        fast=2,
    ),
)
def test_conflicting_answers_are_refused_and_change_nothing(api, pool, body, field, code):
    table = spreadsheets.upload_and_check(api, schools_csv((SchoolFactory(), 3)), purpose="allocation", pool=pool.pk)
    answer = api.post(f"/imports/{table['id']}/layout", body)
    if code is None:
        # The explicit answer replaces the detected meaning of that column.
        assert answer.status_code == 202
        return
    result = assert_problem(answer, 409, "invalid_layout")
    assert (field, code) in {(fault["field"], fault["code"]) for fault in result["errors"]}
    assert SpreadsheetImport.objects.get().state == "checked"


@pytest.mark.parametrize(
    ("body", "field"),
    sampled(
        [
            ({"columns": {"uai": -1}}, "columns.uai"),
            ({"columns": {"uai": "A"}}, "columns.uai"),
            ({"columns": {"licences": 1}}, "columns.licences"),
            ({"columns": []}, "columns"),
            ({"sheets": []}, "sheets"),
            ({"sheets": "Feuil1"}, "sheets"),
            ({"header_row": 100_001}, "header_row"),
            ({"volume": "tout"}, "volume"),
            ({"units_for_all": 0}, "units_for_all"),
            ({"colonnes": {}}, "colonnes"),
        ],
        fast=2,
    ),
)
def test_a_wrong_answer_is_named(api, pool, body, field):
    table = spreadsheets.upload_and_check(api, schools_csv((SchoolFactory(), 3)), purpose="allocation", pool=pool.pk)
    result = assert_problem(api.post(f"/imports/{table['id']}/layout", body), 400, "invalid_request")
    assert [fault["field"] for fault in result["errors"]] == [field]


def test_a_portfolio_import_needs_no_quantity_column(api):
    table = spreadsheets.upload_and_check(
        api, schools_csv((SchoolFactory(), 3), titles=("UAI", "Classes")), purpose="portfolio"
    )
    for body in ({"volume": "classes"}, {"units_for_all": 3}):
        assert_problem(api.post(f"/imports/{table['id']}/layout", body), 409, "not_an_allocation")
    assert api.post(f"/imports/{table['id']}/layout", {"columns": {"classes": None}}).status_code == 202
    assert spreadsheets.run_check(api, table["id"])["counts"]["new"] == 1


CATEGORIES = LayoutQuestion(
    "",
    "row_categories",
    "Lesquelles donner ?",
    (AnswerOption("B:oui", "Avis (B) : oui – 2 lignes"), AnswerOption("B:", "Avis (B) : vide – 1 ligne")),
    likely="B:oui/B:",
    multiple=True,
)
ADDED = LayoutQuestion(
    "units",
    "doubtful_numbers",
    "Que faire ?",
    (AnswerOption("give-B", "A"), AnswerOption("add-B", "B")),
    likely="add-B",
)


@pytest.fixture
def asked(pool):
    """An import whose table poses two questions."""
    one = upload_and_parse(pool, schools_csv((SchoolFactory(), 3)))
    one.layout, one.state = replace(one.layout, questions=[CATEGORIES, ADDED]), "read"
    one.save()
    return one


@pytest.mark.small
def test_what_waits_for_answers_is_refused_with_the_questions(api, asked):
    shown = spreadsheets.get_import(api, asked.pk)["layout"]["questions"]
    row = spreadsheets.list_rows(api, asked.pk)[0]["id"]
    for answer in (
        api.post(f"/imports/{asked.pk}/apply", {"digest": "x"}),
        api.request("PATCH", f"/imports/{asked.pk}/rows/{row}", {"ticked": False}),
    ):
        assert assert_problem(answer, 409, "questions_open")["questions"] == shown
    assert [(one["code"], one["multiple"], one["likely"]) for one in shown] == [
        ("row_categories", True, ["B:oui"]), ("doubtful_numbers", False, ["add-B"]),
    ]  # fmt: skip
    assert shown[0]["options"] == [option._asdict() for option in CATEGORIES.options]


@pytest.mark.small
def test_what_is_likely_is_an_answer_once_it_is_sent_back(api, asked):
    path = f"/imports/{asked.pk}/layout"
    assert api.post(path, {}).status_code == 202
    asked.refresh_from_db()
    assert asked.choices.answers == {}
    asked.state = "read"
    asked.save()
    likely = {one["code"]: one["likely"] for one in spreadsheets.get_import(api, asked.pk)["layout"]["questions"]}
    assert api.post(path, {"answers": likely}).status_code == 202
    asked.refresh_from_db()
    assert asked.choices.answers == {"row_categories": "B:oui/B:", "doubtful_numbers": "add-B"}


@pytest.mark.small
@pytest.mark.parametrize(
    ("code", "answer", "stored"),
    [
        ("row_categories", ["B:", "B:oui"], "B:oui,B:/"),
        ("row_categories", [], "/B:oui,B:"),
        ("row_categories", "B:/B:oui", "B:/B:oui"),
        ("doubtful_numbers", "give-B", "give-B"),
        ("row_categories", ["B:non"], None),
        ("row_categories", "B:oui/", None),
        ("doubtful_numbers", ["give-B", "add-B"], None),
        ("doubtful_numbers", [], None),
    ],
)
def test_an_answer_is_a_value_or_the_list_of_those_that_are_taken(api, asked, code, answer, stored):
    response = api.post(f"/imports/{asked.pk}/layout", {"answers": {code: answer}})
    asked.refresh_from_db()
    if stored is None:
        [fault] = assert_problem(response, 409, "invalid_layout")["errors"]
        assert (fault["code"], fault["field"], asked.state) == ("invalid_choice", f"answers.{code}", "read")
    else:
        assert (response.status_code, asked.choices.answers) == (202, {code: stored})


@pytest.mark.small
def test_answers_can_be_given_with_the_file(api, pool):
    lines = build_csv([["UAI", "Demandées", "Accordées"], *[[SchoolFactory().uai, 4, 2] for _ in range(3)]])
    fields = {"purpose": "allocation", "pool": pool.pk}
    answers = json.dumps({"ambiguous_column": "C", "other": "x" * 10_000})
    table = spreadsheets.upload_and_check(api, lines, **fields, answers=answers)
    assert (table["state"], table["plan"]["units"]) == ("checked", 6)
    for wrong in (
        "C",
        '["C"]',
        json.dumps({"other": "x" * 10_001}),
        '{"ambiguous_column": ["C"]}',
        '{"ambiguous_column": 3}',
    ):
        assert_problem(spreadsheets.upload(api, lines, **fields, answers=json.dumps(wrong)), 400, "invalid_request")
