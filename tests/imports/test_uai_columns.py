"""Several columns of UAI: the school's own wins over its network's, by its values, its names or an answer."""

import pytest

from imports.columns import Meaning
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.sample_files import UNUSED_UAIS, build_csv

HEAD = "0940176F"
ONE_EACH = ParsingOptions(units_for_all=1)


def parse(titles, rows, choices=ONE_EACH):
    return parse_spreadsheet(build_csv([titles, *rows]), choices)


@pytest.mark.parametrize("titles", [("UAI tête de réseau", "Code"), ("UAI", "N° de l'école"), ("RNE", "UAI école")])
def test_a_column_of_few_distinct_uai_gives_way_to_the_schools_own(titles):
    parsed = parse(titles, [[HEAD, uai] for uai in UNUSED_UAIS[:4]])
    assert (parsed.columns, parsed.questions) == ({Meaning.UAI: 1}, [])


def test_a_uai_that_few_rows_have_gives_way_too():
    parsed = parse(
        ["UAI", "Ancienne UAI"], [[uai, HEAD if not number else ""] for number, uai in enumerate(UNUSED_UAIS)]
    )
    assert (parsed.columns, parsed.questions) == ({Meaning.UAI: 0}, [])


def test_a_damaged_column_of_the_schools_wins_over_a_valid_one_of_networks():
    parsed = parse(["UAI", "UAI réseau"], [[uai.lstrip("0"), HEAD] for uai in UNUSED_UAIS[:4]])
    assert (parsed.columns, parsed.questions) == ({Meaning.UAI: 0}, [])


def test_the_remark_says_which_column_is_read():
    parsed = parse(["UAI tête de réseau", "Code"], [[HEAD, uai] for uai in UNUSED_UAIS[:4]])
    assert parsed.remarks == ["L'UAI est lu dans « Code » (B), et non dans « UAI tête de réseau » (A)."]


def test_two_columns_that_name_every_row_are_one_question_with_samples():
    rows = list(zip(UNUSED_UAIS, reversed(UNUSED_UAIS), strict=True))
    parsed = parse(["UAI", "RNE"], rows)
    assert [(question.code, [option.value for option in question.options]) for question in parsed.questions] == [
        ("uai_columns", ["A", "B"])
    ]
    assert parsed.questions[0].options[1].label == f"« RNE » (B), par exemple {', '.join(UNUSED_UAIS[:1:-1])}"
    answered = parse(["UAI", "RNE"], rows, ParsingOptions(units_for_all=1, answers={"uai_columns": "B"}))
    assert [row.cells["uai"] for row in answered.rows] == UNUSED_UAIS[::-1]


@pytest.mark.parametrize("titles", [("UAI 1", "UAI 2"), ("UAI", "UAI n° 2"), ("UAI n°1", "UAI n°2")])
def test_numbered_columns_of_uai_are_asked_about(titles):
    parsed = parse(titles, list(zip(UNUSED_UAIS, reversed(UNUSED_UAIS), strict=True)))
    assert [question.code for question in parsed.questions] == ["uai_columns"]
    assert Meaning.UAI not in parsed.columns


def test_an_answer_is_kept_though_the_form_sends_no_column():
    rows = list(zip(UNUSED_UAIS, reversed(UNUSED_UAIS), strict=True))
    choices = ParsingOptions(units_for_all=1, columns={Meaning.UAI: None}, answers={"uai_columns": "B"})
    assert parse(["UAI", "RNE"], rows, choices).columns == {Meaning.UAI: 1}


def test_the_column_that_the_member_chose_is_read_whatever_it_holds():
    choices = ParsingOptions(units_for_all=1, columns={Meaning.UAI: 0})
    parsed = parse(["UAI tête de réseau", "Code"], [[HEAD, uai] for uai in UNUSED_UAIS[:4]], choices)
    assert parsed.columns[Meaning.UAI] == 0
    assert "uai_columns" not in {question.code for question in parsed.questions}


def test_names_with_a_uai_beside_them_are_no_column_of_uai():
    parsed = parse(["RNE", "École"], [[uai, f"École Zola {HEAD}"] for uai in UNUSED_UAIS[:4]])
    assert (parsed.columns[Meaning.UAI], parsed.answered) == (0, [])


@pytest.fixture
def schools():
    names = ("Zola", "Hugo", "Sand", "Jaurès")
    return [SchoolFactory(name=f"École élémentaire {name}") for name in names]


@pytest.mark.parametrize("titles", [("UAI", "Code"), ("UAI", "RNE"), ("UAI réseau", "UAI du lieu")])
def test_the_names_of_the_rows_choose_between_columns_by_the_directory(pool, schools, titles):
    others = SchoolFactory.create_batch(4)
    rows = [[other.uai, school.uai, school.name, 3] for school, other in zip(schools, others, strict=True)]
    spreadsheet_import = upload_and_parse(pool, build_csv([[*titles, "École", "Licences"], *rows]))
    assert spreadsheet_import.layout.columns[Meaning.UAI] == 1
    assert spreadsheet_import.layout.questions == []
    assert spreadsheet_import.layout.answered[0].answer == "B"


def test_names_that_agree_with_no_column_leave_the_question_open(pool, schools):
    others = SchoolFactory.create_batch(4)
    rows = [[other.uai, school.uai, "École Inconnue", 3] for school, other in zip(schools, others, strict=True)]
    spreadsheet_import = upload_and_parse(pool, build_csv([["UAI", "RNE", "École", "Licences"], *rows]))
    assert [question.code for question in spreadsheet_import.layout.questions] == ["uai_columns"]


def test_the_answers_name_the_schools_of_their_examples(pool, schools):
    content = build_csv(
        [["UAI 1", "UAI 2"], *[[school.uai, uai] for school, uai in zip(schools, UNUSED_UAIS[:4], strict=True)]]
    )
    labels = [option.label for option in upload_and_parse(pool, content, units_for_all=1).layout.questions[0].options]
    assert f"par exemple {schools[0].uai} (École élémentaire Zola – " in labels[0]
    assert f"par exemple {UNUSED_UAIS[0]} (pas dans l'annuaire), " in labels[1]


def test_the_directory_does_not_overrule_the_member(pool, schools):
    others = SchoolFactory.create_batch(4)
    rows = [[other.uai, school.uai, school.name] for school, other in zip(schools, others, strict=True)]
    choices = ParsingOptions(units_for_all=1, answers={"uai_columns": "A"})
    assert parse(["UAI", "RNE", "École"], rows, choices).compared == ()
