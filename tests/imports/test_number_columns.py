"""Columns that give one number together, « CP » to « CM2 », or instead of each other, « demandées / accordées »."""

import pytest

from imports.columns import Meaning
from imports.enums import Purpose
from imports.parsing.sheet_body import write_sum
from imports.parsing.spreadsheet import ParsingContext, ParsingOptions, RememberedMapping, parse_spreadsheet
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xls, build_xlsx

LEVELS = ["CP", "CE1", "CE2", "CM1", "CM2"]
CLASSES = [(1, 2, 3, 1, 2), (2, 3, 1, 2, 3), (3, 1, 2, 3, 1)]


def build_levels(title, *, levels=LEVELS, numbers=CLASSES, beside=(), merged=True):
    """Return a workbook with one title over the columns of the levels, and further columns (title, numbers) after."""
    blank = [None] * (len(levels) - 1)
    rows = [
        ["UAI", "École", title, *blank, *(name for name, _ in beside)],
        [None, None, *levels, *[None] * len(beside)],
        *(
            [uai, f"École {uai}", *line, *(others[number] for _, others in beside)]
            for number, (uai, line) in enumerate(zip(UNUSED_UAIS, numbers, strict=False))
        ),
    ]
    last = chr(ord("B") + len(levels))
    return build_xlsx(rows, merged=[f"C1:{last}1"]) if merged else build_csv([[c or "" for c in row] for row in rows])


def parse(content, **choices):
    return parse_spreadsheet(content, ParsingOptions(**choices))


def parse_rows(titles, *numbers, **choices):
    rows = [[uai, *line] for uai, line in zip(UNUSED_UAIS, numbers, strict=False)]
    return parse(build_csv([["UAI", *titles], *rows]), **choices)


def read_units(parsed):
    return [row.units for row in parsed.rows]


def list_options(parsed):
    [question] = parsed.questions
    return [option.value for option in question.options]


@pytest.mark.parametrize("title", ["Nombre de classes", "Licences", "Nb de licences demandées"])
@pytest.mark.parametrize("merged", [True, False], ids=["merged", "text"])
def test_a_title_over_the_levels_of_a_school_is_their_sum(title, merged):
    parsed = parse(build_levels(title, merged=merged))
    assert (read_units(parsed), parsed.questions) == ([9, 11, 10], [])
    assert "la somme des colonnes « CP » (C), « CE1 » (D)" in parsed.remarks[0]


def test_the_cell_of_a_sum_shows_its_parts():
    parsed = parse(build_levels("Nombre de classes"))
    assert parsed.rows[0].cells["classes"] == "1 + 2 + 3 + 1 + 2 = 9"


@pytest.mark.parametrize("title", ["Licences", "Nombre de classes"])
def test_two_cycles_are_added_up(title):
    parsed = parse(build_levels(title, levels=["Cycle 2", "Cycle 3"], numbers=[(3, 2), (4, 4), (1, 5)]))
    assert (read_units(parsed), parsed.questions) == ([5, 8, 6], [])


def test_the_member_may_choose_one_column_of_a_sum():
    content = build_levels("Licences", levels=["Cycle 2", "Cycle 3"], numbers=[(3, 2), (4, 4), (1, 5)])
    assert [question.answer for question in parse(content).answered] == ["C+D"]
    assert read_units(parse(content, answers={"ambiguous_column": "D"})) == [2, 4, 5]


def test_a_title_merged_over_columns_without_titles_is_asked_about():
    rows = [["UAI", "Licences", None], *([uai, 3, 2 + n] for n, uai in enumerate(UNUSED_UAIS[:3]))]
    parsed = parse(build_xlsx(rows, merged=["B1:C1"]))
    assert list_options(parsed) == ["B+C", "B", "C"]
    assert read_units(parse(build_xlsx(rows, merged=["B1:C1"]), answers={"ambiguous_column": "B+C"})) == [5, 6, 7]


def test_a_total_beside_the_levels_is_read_in_place_of_their_sum():
    parsed = parse(build_levels("Nombre de classes", beside=[("Total", [9, 11, 10])]))
    assert (read_units(parsed), parsed.questions, parsed.titles[parsed.columns[Meaning.CLASSES]]) == (
        [9, 11, 10], [], "Total",
    )  # fmt: skip
    assert Meaning.UNITS not in parsed.columns


def test_a_total_that_is_not_the_sum_of_the_levels_is_asked_about():
    parsed = parse(build_levels("Nombre de classes", beside=[("Total", [10, 12, 12])]))
    assert list_options(parsed)[:2] == ["C+D+E+F+G", "H"]
    assert read_units(parsed) == [None, None, None]


def test_licences_beside_the_levels_of_the_classes_are_the_number_of_licences():
    parsed = parse(build_levels("Nombre de classes", beside=[("Quantité", [4, 5, 6])]))
    assert (read_units(parsed), parsed.questions) == ([4, 5, 6], [])


def test_nursery_and_elementary_classes_of_one_school_are_asked_about():
    parsed = parse(build_levels("Licences", levels=["Maternelle", "CP-CM2"], numbers=[(3, 5), (2, 4), (2, 6)]))
    assert list_options(parsed) == ["C+D", "C", "D"]


def test_nursery_and_elementary_numbers_of_different_schools_are_added_up():
    parsed = parse(build_levels("Licences", levels=["Maternelle", "Élémentaire"], numbers=[(3, None), ("", 4), (0, 6)]))
    assert (read_units(parsed), parsed.questions) == ([3, 4, 6], [])


def test_elementary_classes_remain_those_that_count():
    parsed = parse(build_levels("Nombre de classes", levels=["Mat.", "Élém."], numbers=[(3, 5), (2, 4), (2, 6)]))
    assert (read_units(parsed), parsed.questions) == ([5, 4, 6], [])


def test_levels_that_overlap_are_asked_about():
    levels = ["CP", "CE1", "Cycle 2"]
    assert list_options(parse(build_levels("Licences", levels=levels, numbers=[(1, 2, 3), (2, 3, 5)])))[0] == "C+D+E"


@pytest.mark.parametrize("titles", [["Licences demandées", "Licences accordées"], ["Demandé", "Accordé"]])
def test_what_is_granted_is_proposed_beside_what_is_asked_for(titles):
    parsed = parse_rows(titles, (5, 3), (12, 10), (10, 8))
    assert list_options(parsed) == ["C", "B"]
    assert parsed.questions[0].is_open
    assert read_units(parse_rows(titles, (5, 3), (12, 10), answers={"ambiguous_column": "C"})) == [3, 10]


def test_what_is_granted_under_a_common_title_is_asked_about():
    content = build_levels("Licences", levels=["demandées", "accordées"], numbers=[(5, 3), (12, 10), (10, 8)])
    assert list_options(parse(content)) == ["D", "C"]


def test_two_titles_over_the_same_cycles_are_two_sums_to_choose_from():
    rows = [
        ["UAI", "Licences demandées", "", "Licences accordées", ""],
        ["", "Cycle 2", "Cycle 3", "Cycle 2", "Cycle 3"],
        *([uai, 4, 5, 3, 2] for uai in UNUSED_UAIS[:3]),
    ]
    parsed = parse(build_xlsx(rows, merged=["B1:C1", "D1:E1"]))
    assert list_options(parsed)[:2] == ["D+E", "B+C"]


def test_the_latest_year_comes_first():
    assert list_options(parse_rows(["Licences 2025", "Licences 2026"], (3, 4), (1, 2))) == ["C", "B"]


def test_a_column_chosen_by_the_member_needs_no_question():
    rows = (["Licences demandées", "Licences accordées"], (5, 3), (12, 10))
    parsed = parse_rows(*rows, columns={Meaning.UAI: 0, Meaning.UNITS: 1})
    assert (read_units(parsed), parsed.questions) == ([5, 12], [])


def test_a_column_confirmed_for_the_same_titles_needs_no_question():
    content = build_csv([["UAI", "Licences demandées", "Licences accordées"], [UNUSED_UAIS[0], 5, 3]])
    remembered = {parse(content).header_digest: RememberedMapping({Meaning.UAI: 0, Meaning.UNITS: 2}, None)}
    parsed = parse_spreadsheet(content, ParsingOptions(), known=ParsingContext(remembered))
    assert (read_units(parsed), parsed.questions) == ([3], [])


def test_levels_without_a_common_title_are_asked_about():
    parsed = parse_rows(LEVELS, *CLASSES)
    assert (list_options(parsed), [question.code for question in parsed.questions]) == (
        ["B+C+D+E+F", "none"], ["level_columns"],
    )  # fmt: skip
    assert read_units(parse_rows(LEVELS, *CLASSES, answers={"level_columns": "B+C+D+E+F"})) == [9, 11, 10]


def test_levels_that_do_not_count_classes_leave_the_number_to_be_given():
    parsed = parse_rows(LEVELS, *CLASSES, answers={"level_columns": "none"})
    assert [question.code for question in parsed.questions] == ["units_source_missing"]


def test_levels_whose_titles_name_classes_are_added_up():
    parsed = parse_rows([f"Classes {level}" for level in LEVELS], *CLASSES)
    assert (read_units(parsed), parsed.questions) == ([9, 11, 10], [])


def test_levels_of_pupils_are_no_classes():
    content = build_levels("Effectifs par niveau", numbers=[(4, 5, 3, 6, 2), (3, 3, 4, 2, 5)])
    assert [question.code for question in parse(content).questions] == ["units_source_missing"]


@pytest.mark.parametrize("titles", [["élèves", "enseignants"], ["Français", "Maths"], ["quota", "réserve"]])
def test_titles_of_any_words_below_a_merged_one_are_titles(titles):
    parsed = parse(build_levels("Licences", levels=titles, numbers=[(3, 2), (4, 4), (1, 5)]))
    assert parsed.titles[2:] == [f"Licences / {title}" for title in titles]
    assert list_options(parsed) == ["C+D", "C", "D"]


def test_untitled_numbers_after_a_title_of_licences_are_asked_about():
    rows = [["UAI", "Licences", ""], *([uai, 3, 2] for uai in UNUSED_UAIS[:3])]
    assert list_options(parse(build_csv(rows))) == ["B+C", "B", "C"]
    notes = [["UAI", "Licences", ""], *([uai, 3, "rappel"] for uai in UNUSED_UAIS[:3])]
    assert (read_units(parse(build_csv(notes))), parse(build_csv(notes)).questions) == ([3, 3, 3], [])


def test_a_part_that_several_rows_share_leaves_their_sums_open():
    numbers = zip(UNUSED_UAIS[:3], (3, None, 3), strict=True)
    rows = [["UAI", "Licences", None], [None, "Cycle 2", "Cycle 3"], *([uai, first, 2] for uai, first in numbers)]
    parsed = parse(build_xlsx(rows, merged=["B1:C1", "B3:B4"]))
    assert read_units(parsed) == [5, None, 5]


@pytest.mark.parametrize("titles", [["ULIS", "SEGPA"], ["Maternelle", "Élémentaire"]])
def test_flags_are_no_classes(titles):
    parsed = parse_rows(titles, (0, 1), (1, 0), (0, 0))
    assert [question.code for question in parsed.questions] == ["units_source_missing"]
    assert parse_rows(titles, (0, 1), (1, 0), (0, 0), purpose=Purpose.PORTFOLIO).questions == []
    assert parse_rows([f"Classes {title}" for title in titles], (0, 1), (1, 0)).columns[Meaning.CLASSES]


def test_one_class_a_level_is_no_flag():
    assert list_options(parse_rows(["CP", "CE1"], (0, 1), (1, 0)))[0] == "B+C"


def test_levels_beside_a_number_of_licences_are_not_asked_about():
    parsed = parse_rows([*LEVELS, "Licences"], *[(*line, 4) for line in CLASSES])
    assert (read_units(parsed), parsed.questions) == ([4, 4, 4], [])


def test_levels_are_of_no_interest_where_one_number_is_given_for_all():
    assert parse_rows(LEVELS, *CLASSES, units_for_all=1).questions == []
    assert parse_rows(LEVELS, *CLASSES, purpose=Purpose.PORTFOLIO).questions != []


def test_licences_of_pupils_and_of_teachers_are_asked_about():
    parsed = parse_rows(["Licences élèves", "Licences enseignants"], (25, 2), (30, 3), (24, 2))
    assert list_options(parsed) == ["B+C", "B", "C"]


def test_the_same_numbers_in_two_columns_need_no_question():
    parsed = parse_rows(["Licences 2025", "Licences 2026"], (3, 3), (4, 4))
    assert (read_units(parsed), parsed.questions) == ([3, 4], [])


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([2, "3", 1.0], "2 + 3 + 1 = 6"), ([2, "", "-"], 2), (["", "", ""], ""), ([2, "x"], "2 + x"),
        ([0, 0], "0 + 0 = 0"),
    ],
)  # fmt: skip
def test_a_sum_is_written_with_its_parts(parts, text):
    assert write_sum(parts) == text


def test_a_sum_that_lacks_the_result_of_a_formula_is_a_problem():
    levels = ["Cycle 2", "Cycle 3"]
    rows = build_levels("Licences", levels=levels, numbers=[(3, "=1+1"), (4, 4), (1, 5)])
    problems = [[problem.code for problem in row.problems] for row in parse(rows).rows]
    assert problems[0]
    assert problems[1:] == [[], []]


def test_sums_are_read_from_old_workbooks_too():
    rows = [["UAI", "Licences", None], [None, "Cycle 2", "Cycle 3"], *([uai, 3, 2] for uai in UNUSED_UAIS[:3])]
    assert read_units(parse(build_xls(rows, merged=[(0, 0, 1, 2)]))) == [5, 5, 5]
