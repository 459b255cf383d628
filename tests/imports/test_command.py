"""`manage.py import_spreadsheet`: parses and applies as the pages do, and prints one JSON object."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from collectivities.models import PortfolioSchool
from imports.layout import AnswerOption, LayoutQuestion
from imports.management.commands.import_spreadsheet import describe_options
from imports.models import SpreadsheetImport
from licensing.pools.models import Allocation
from mailing.models import Message
from schools.models import SchoolState
from tests.conftest import TERM
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.sample_files import build_csv, schools_csv


@pytest.fixture
def run(pool, tmp_path):
    def command(content, *options, name="écoles.csv", pool_id=pool.pk, slug="nimes"):
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        out = io.StringIO()
        lot = [f"--pool={pool_id}"] if pool_id is not None else []
        try:
            call_command("import_spreadsheet", str(file), f"--collectivity={slug}", *lot, *options, stdout=out)
            status: Any = 0
        except SystemExit as end:
            status = end.code
        return status, out.getvalue()

    return command


def test_a_dry_run_reports_everything_and_allocates_nothing(run, pool):
    one, two = SchoolFactory.create_batch(2)
    status, out = run(schools_csv((one, 3), (two.uai[1:], 2), ("0311131M", 1), ("Total", 6)), "--json")
    output = json.loads(out)
    assert status == 0
    assert (output["sheet"], output["header_row"], output["rows"], output["applied"]) == ("", 1, 4, 0)
    assert output["columns"] == {"uai": "UAI", "email": "E-mail", "units": "Licences"}
    assert output["verdicts"] == {"new": 2, "changed": 0, "unchanged": 0, "conflict": 0, "error": 1, "ignored": 1}
    assert output["resolved"] == [
        {"sheet": "", "row": 2, "uai": one.uai, "match_method": "uai", "confidence": 1.0, "quantity": 3},
        {"sheet": "", "row": 3, "uai": two.uai, "match_method": "repaired", "confidence": 0.9, "quantity": 2},
    ]
    assert [(problem["row"], problem["code"]) for problem in output["problems"]] == [
        (3, "repaired"), (4, "uai_invalid"), (5, "ignored"),
    ]  # fmt: skip
    assert set(output["problems"][0]) == {"sheet", "row", "column", "code", "message", "proposals"}
    assert not Allocation.objects.exists()


@pytest.mark.slow
def test_it_applies_every_row_that_can_be(run, pool):
    school, nursery = SchoolFactory(), SchoolFactory(has_elementary=False)
    status, out = run(schools_csv((school,), (nursery,), titles=("UAI",)), "--quantity=1", "--apply", "--json")
    output = json.loads(out)
    assert (status, output["applied"], output["state"]) == (0, 2, "applied")
    assert Allocation.objects.count() == Message.objects.count() == 2
    status, out = run(schools_csv((school,), (nursery,), titles=("UAI",)), "--quantity=1", "--apply", "--json")
    # Applied again it allocates nothing, without an error.
    assert (status, json.loads(out)["applied"]) == (0, 0)
    assert Message.objects.count() == 2


@pytest.mark.slow
def test_it_can_apply_only_the_rows_ticked_by_default(run, pool):
    content = schools_csv((SchoolFactory(), 1), (SchoolFactory(has_elementary=False), 1))
    status, out = run(content, "--apply", "--ticked-only")
    assert status == 0
    assert "Appliqué : 1\u00a0ligne, 1\u00a0licence, 1\u00a0e-mail." in out


@pytest.mark.parametrize(
    ("content", "options"), [(b"<html></html>", ()), (build_csv([["UAI"], ["x"]]), ("--sheet=B",))]
)
def test_a_refused_file_is_status_2_and_nothing_done(run, content, options):
    status, out = run(content, "--quantity=1", "--apply", *options)
    assert status == 2
    assert out.startswith("Refusé")
    assert SpreadsheetImport.objects.get().state == "rejected"


@pytest.mark.slow
def test_more_than_the_pool_has_is_status_2_and_nothing_allocated(run, pool):
    status, out = run(schools_csv((SchoolFactory(), 101)), "--apply")
    assert status == 2
    assert "Rien n'a été appliqué. Il manque" in out
    assert not Allocation.objects.exists()


@pytest.mark.slow
def test_the_column_of_numbers_is_chosen_by_its_title(run, pool):
    school = SchoolFactory()
    content = schools_csv((school, 5, 7), titles=("UAI", "Quantité", "Nombre"))
    status, out = run(content, "--json")
    assert (status, json.loads(out)["problems"][0]["code"]) == (0, "ambiguous_column")
    assert run(content, "--apply", "--json")[0] == 2
    for title in ("Nombre", "nombré"):
        status, out = run(content, f"--quantity-column={title}", "--json")
        assert json.loads(out)["resolved"][0]["quantity"] == 7
    two_lines = build_csv([["Établissement", "Dotation", ""], ["UAI", "Licences", "Réserve"], [school.uai, 5, 7]])
    output = json.loads(run(two_lines, "--quantity-column=Réserve", "--json")[1])
    assert output["resolved"][0]["quantity"] == 7


@pytest.mark.slow
def test_columns_are_chosen_by_their_titles(run, pool):
    school, other = SchoolFactory.create_batch(2)
    content = build_csv([["UAI", "RNE", "Demandées", "Accordées", "Nb classes"], [other.uai, school.uai, 7, 5, 9]])
    options = ["--column=uai=rne", "--column=units=Accordées", "--json"]
    output = json.loads(run(content, *options)[1])
    assert (output["questions"], output["columns"]["uai"]) == ([], "RNE")
    assert [(row["uai"], row["quantity"]) for row in output["resolved"]] == [(school.uai, 5)]
    # Without a column of licences, the classes give their number.
    output = json.loads(run(content, "--column=uai=RNE", "--column=units=", "--json")[1])
    assert [row["quantity"] for row in output["resolved"]] == [9]
    output = json.loads(run(content, "--column=uai=RNE", "--quantity=2", "--json")[1])
    assert [row["quantity"] for row in output["resolved"]] == [2]


@pytest.mark.slow
def test_a_column_chosen_by_its_title_is_that_column_alone(run, pool):
    rows = [[school.uai, 180, 2] for school in SchoolFactory.create_batch(3)]
    content = build_csv([["", "Licences", ""], ["UAI", "Cycle 2", "Cycle 3"], *rows])
    output = json.loads(run(content, "--column=units=Cycle 2", "--json")[1])
    assert (output["questions"], [row["quantity"] for row in output["resolved"]]) == ([], [180, 180, 180])


SHAPE = {
    "sheet", "sheets", "header_row", "columns", "rows", "verdicts", "resolved", "problems", "questions", "applied",
    "licences", "messages", "import", "state", "refusal", "code",
}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "more", "code"),
    [
        (["--quantity-column=Absente"], {}, "unknown_column"),
        (["--quantity=0"], {}, "invalid_quantity"),
        (["--answer=oui"], {}, "invalid_answer"),
        (["--column=RNE"], {}, "invalid_column"),
        (["--column=rne=RNE"], {}, "unknown_meaning"),
        (["--column=uai=UAI", "--column=uai=RNE"], {}, "repeated_column"),
        (["--column=units=Licences", "--quantity-column=Licences"], {}, "repeated_column"),
        (["--column=units=Licences", "--column=classes=Licences"], {}, "shared_column"),
        (["--column=name=Absente"], {}, "unknown_column"),
        (["--quantity=1", "--column=units=Licences"], {}, "conflicting_quantities"),
        (["--quantity=1", "--quantity-column=Licences"], {}, "conflicting_quantities"),
        ([], {"pool_id": None}, "pool_missing"),
        ([], {"pool_id": 0}, "unknown_pool"),
        (["--purpose=portfolio"], {}, "not_an_allocation"),
        (["--purpose=portfolio", "--column=units=Licences"], {"pool_id": None}, "not_an_allocation"),
        ([], {"slug": "ailleurs"}, "unknown_collectivity"),
        ([], {"content": None}, "file_not_found"),
    ],
)
def test_invalid_arguments_are_refused_in_words_and_in_json(run, options, more, code):
    content = more.pop("content", schools_csv((SchoolFactory(), 1)))
    with pytest.raises(CommandError) as refusal:
        run(content, *options, **more)
    assert refusal.value.returncode == 2
    status, out = run(content, *options, "--json", **more)
    output = json.loads(out)
    assert (status, output["code"], output["refusal"], set(output)) == (2, code, str(refusal.value), SHAPE)


@pytest.mark.slow
def test_a_refused_file_or_import_gives_its_code(run):
    status, out = run(b"<html></html>", "--json")
    output = json.loads(out)
    assert (status, output["code"], output["state"], set(output)) == (2, "html", "rejected", SHAPE)
    status, out = run(schools_csv((SchoolFactory(), 101)), "--apply", "--json")
    output = json.loads(out)
    assert (status, output["code"], output["applied"], output["state"]) == (2, "not_enough_licences", 0, "checked")


def test_every_row_whose_school_was_found_is_resolved_and_no_proposal_is(run, pool):
    school, closed = SchoolFactory(), SchoolFactory(state=SchoolState.CLOSED, closed_at=TERM)
    heir = SchoolFactory(name=closed.name, address=closed.address)
    status, out = run(
        schools_csv((school, 2), (school, 2), (closed, 1), ("0010001W", 1), ("x", 1), (heir, "beaucoup")), "--json"
    )
    output = json.loads(out)
    assert status == 0
    assert [(found["row"], found["uai"], found["quantity"]) for found in output["resolved"]] == [
        (2, school.uai, 2), (3, school.uai, 2), (4, closed.uai, 1), (7, heir.uai, None),
    ]  # fmt: skip
    assert {found["match_method"] for found in output["resolved"]} == {"uai"}
    problems = {problem["row"]: problem for problem in output["problems"]}
    assert {row: problem["code"] for row, problem in problems.items()} == {
        3: "duplicate", 4: "school_closed", 5: "unknown_school", 6: "uai_invalid", 7: "units_invalid",
    }  # fmt: skip
    assert [proposal["uai"] for proposal in problems[4]["proposals"]] == [heir.uai]


@pytest.mark.slow
def test_a_portfolio_import_is_parsed_and_applied(run, nimes):
    school, other = SchoolFactory.create_batch(2)
    PortfolioSchoolFactory(school=school, contact_email="avant@ville.fr", classes=5)
    content = schools_csv((school, "apres@ville.fr", 5), (other, "", 3), titles=("UAI", "E-mail", "Classes"))
    status, out = run(content, "--purpose=portfolio", "--json", pool_id=None)
    output = json.loads(out)
    assert (status, output["verdicts"]["changed"], output["verdicts"]["new"]) == (0, 1, 1)
    assert output["problems"][0]["message"] == "Contact : avant@ville.fr → apres@ville.fr."
    status, out = run(content, "--purpose=portfolio", "--apply", pool_id=None)
    assert status == 0
    assert "Appliqué : 2\u00a0lignes." in out
    assert PortfolioSchool.objects.get(school=school).contact_email == "apres@ville.fr"
    assert PortfolioSchool.objects.get(school=other).classes == 3


def test_how_to_answer_is_printed_with_what_is_likely():
    options = (AnswerOption("F:oui", "Avis (F) : oui"), AnswerOption("F:non", "Avis (F) : non"))
    question = LayoutQuestion("", "row_categories", "Lesquelles ?", options, likely="F:oui/F:non", multiple=True)
    answer = "--answer row_categories=F:oui/F:non"
    assert describe_options(question) == [
        f"{answer} : avant « / » ce qui est pris, après ce qui est laissé, comme il est probable",
        "  F:oui : Avis (F) : oui",
        "  F:non : Avis (F) : non",
    ]
    assert describe_options(question._replace(likely="F:non", multiple=False)) == [
        "--answer row_categories=F:oui : Avis (F) : oui",
        "--answer row_categories=F:non : Avis (F) : non (probable)",
    ]
