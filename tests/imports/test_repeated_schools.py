"""Lists with several rows for most schools: one question, and the number of all on the first row."""

from typing import Any

import pytest

from core.formatting import curl_apostrophes
from imports import queries, tasks
from imports.columns import Meaning
from imports.enums import ImportState, Purpose, Verdict, Volume
from imports.models import ImportRow, SpreadsheetImport
from imports.operations import intake, recheck, row_edits
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from imports.queries import count_remarks
from imports.web.remarks import build_lines
from imports.wording import describe_replaced_number
from licensing.pools.models import Allocation
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx

TITLES = ["UAI", "École", "Niveau", "Licences"]
ZOLA, HUGO, SAND = UNUSED_UAIS[:3]
#: A row per level, with equal numbers.
BY_LEVEL = [[uai, "", level, 2] for uai in (ZOLA, HUGO, SAND) for level in ("CP", "CE1", "CE2")]


def parse(rows, titles=TITLES, **choices):
    return parse_spreadsheet(build_csv([titles, *rows]), ParsingOptions(**choices))


def answered(rows, answer, titles=TITLES, **choices):
    parsed = parse(rows, titles, answers={"repeated_schools": answer}, **choices)
    assert not parsed.questions
    return parsed.rows


def codes(parsed):
    return [question.code for question in parsed.questions]


def units(rows):
    return [row.units for row in rows if not row.ignored]


# What is asked


def test_a_list_by_level_asks_once_with_the_number_of_each_answer():
    parsed = parse(BY_LEVEL)
    assert codes(parsed) == ["repeated_schools"]
    question = parsed.questions[0]
    assert [option.value for option in question.options] == ["sum", "count", "keep"]
    assert [option.label.rpartition(" : ")[2] for option in question.options] == [
        "6\u00a0licences dans l'exemple", "3\u00a0licences dans l'exemple", "2\u00a0licences dans l'exemple"
    ]  # fmt: skip
    assert "3 écoles sur 3" in question.message
    assert "lignes 2 à 4" in question.message
    assert len(parsed.rows) == 9


@pytest.mark.parametrize(
    ("rows", "titles", "choices"),
    [
        ([[uai, "", level, 2] for uai in (ZOLA, HUGO) for level in ("CP", "CE1")], TITLES, {}),
        ([[ZOLA, "", level, number] for number, level in enumerate(("CP", "CE1", "CE2", "CM1"))], TITLES, {}),
        # By name, where the level tells no school apart.
        (
            [[name, "Nîmes", level, 1] for name in ("Zola", "Hugo", "Sand") for level in ("CP", "CE1 B")],
            ["École", "Commune", "Niveau", "Licences"],
            {},
        ),
        ([row[:3] for row in BY_LEVEL], TITLES[:3], {"volume": Volume.ALL, "units_for_all": 1}),
    ],
)
def test_most_schools_on_several_rows_are_asked_about(rows, titles, choices):
    assert codes(parse(rows, titles, **choices)) == ["repeated_schools"]


@pytest.mark.parametrize(
    ("rows", "titles", "choices"),
    [
        # Some duplicates among others.
        ([[uai, "", "", 2] for uai in (*UNUSED_UAIS, ZOLA, HUGO)], TITLES, {}),
        ([[ZOLA, "", "", 2]] * 2, TITLES, {}),
        # A nursery and an elementary school of one name.
        (
            [[name, "Nîmes", kind, 1] for name in ("Zola", "Hugo", "Sand") for kind in ("maternelle", "élémentaire")],
            ["École", "Commune", "Type", "Licences"],
            {},
        ),
        # One name in two communes.
        (
            [[name, commune, 1] for name in ("Zola", "Hugo", "Sand") for commune in ("Nîmes", "Alès")],
            ["École", "Commune", "Licences"],
            {},
        ),
        # A portfolio has no numbers to add up.
        (BY_LEVEL, TITLES, {"purpose": Purpose.PORTFOLIO}),
    ],
)
def test_other_lists_are_read_unasked(rows, titles, choices):
    assert codes(parse(rows, titles, **choices)) == []


def test_one_licence_a_row_offers_no_sum_beside_the_count():
    parsed = parse([row[:3] for row in BY_LEVEL], TITLES[:3], volume=Volume.ALL, units_for_all=1)
    assert [option.value for option in parsed.questions[0].options] == ["count", "keep"]


# What the answer does


def test_a_sum_is_on_the_first_row_and_says_from_which_lines():
    rows = answered(BY_LEVEL, "sum")
    assert units(rows) == [6, 6, 6]
    first, second = rows[:2]
    assert [problem.code for problem in first.problems] == ["rows_combined"]
    assert "(lignes 2 à 4) : 2 + 2 + 2" in first.problems[0].message
    assert not first.problems[0].blocking
    assert second.ignored == "Même école que la ligne 2, qui en porte le nombre."


def test_different_numbers_are_added_up_as_well():
    numbers = [[uai, "", level, n] for uai in (ZOLA, HUGO) for n, level in enumerate(("CP", "CE1", "CE2"), start=1)]
    assert units(answered(numbers, "sum")) == [6, 6]


def test_counted_rows_give_one_licence_each_a_school_on_one_row_too():
    rows = answered([*BY_LEVEL, [UNUSED_UAIS[3], "", "CP", 2]], "count")
    assert units(rows) == [3, 3, 3, 1]


def test_keeping_one_row_leaves_all_as_they_are():
    rows = answered(BY_LEVEL, "keep")
    assert units(rows) == [2] * 9
    assert not any(row.problems for row in rows)


def test_the_same_number_for_all_is_added_up_by_rows():
    rows = answered([row[:3] for row in BY_LEVEL], "sum", TITLES[:3], volume=Volume.ALL, units_for_all=4)
    assert units(rows) == [12, 12, 12]


def test_an_unreadable_number_leaves_the_total_to_the_member():
    rows = answered([[ZOLA, "", "CP", 2], [ZOLA, "", "CE1", "deux"], *BY_LEVEL[3:]], "sum")
    assert rows[0].units is None
    assert [(problem.code, problem.blocking) for problem in rows[0].problems] == [("rows_not_combined", True)]
    assert "ligne 3 ne se lit pas" in rows[0].problems[0].message


def test_an_empty_cell_adds_nothing():
    assert units(answered([[ZOLA, "", "CP", 5], [ZOLA, "", "CE1", ""], *BY_LEVEL[3:]], "sum"))[0] == 5


def test_the_sum_of_two_sheets_names_the_other_sheet():
    ales = [[SAND, "", "CP", 2], [SAND, "", "CE1", 2], [ZOLA, "", "CM2", 1]]
    nimes = [[uai, "", level, 2] for uai in (ZOLA, HUGO) for level in ("CP", "CE1")]
    content = build_xlsx([TITLES, *nimes], sheet="Nîmes", more={"Alès": [TITLES, *ales]})
    rows = parse_spreadsheet(content, ParsingOptions(answers={"repeated_schools": "sum"})).rows
    assert units(rows) == [5, 4, 4]
    assert "ligne 4 de la feuille « Alès »" in rows[0].problems[0].message
    assert rows[-1].ignored == "Même école que la ligne 2 de la feuille « Nîmes », qui en porte le nombre."


# With the directory


def list_by_level(titles=("UAI", "Licences")):
    schools = SchoolFactory.create_batch(3)
    return schools, build_csv([titles, *[[school.uai, 2] for school in schools for _ in range(3)]])


def answer(spreadsheet_import, option):
    """Answer the open question, and read the file again."""
    assert spreadsheet_import.state == ImportState.READ
    intake.choose_layout(
        import_id=spreadsheet_import.pk, sheets=None, header_row=1, columns=spreadsheet_import.layout.columns,
        answers={"repeated_schools": option}, volume=Volume.ALL if spreadsheet_import.units_for_all else "",
        units_for_all=spreadsheet_import.units_for_all, by=None, at=TERM,
    )  # fmt: skip
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CHECKED
    return spreadsheet_import


def stored(number):
    return ImportRow.objects.get(number=number)


@pytest.mark.slow
def test_the_sum_outlives_edits_and_checks_of_the_whole_table(pool):
    schools, content = list_by_level()
    summed = answer(upload_and_parse(pool, content), "sum")
    row_edits.amend_row(import_id=summed.pk, number=2, edits={"email": "a@b.fr"}, by=None, at=TERM)
    recheck.recheck_import(summed)
    row = stored(2)
    assert (row.units, row.recipient, row.ticked) == (6, "a@b.fr", True)
    assert "rows_combined" in row.codes
    assert (stored(3).verdict, stored(3).ticked) == (Verdict.IGNORED, False)
    confirm_and_apply(summed)
    assert dict(Allocation.objects.values_list("school_id", "units")) == {school.uai: 6 for school in schools}


@pytest.mark.slow
@pytest.mark.parametrize("option", ["sum", "count"])
def test_rows_that_were_added_to_another_are_named_so_and_never_restored_together(pool, option):
    _, content = list_by_level()
    combined = answer(upload_and_parse(pool, content), option)
    (line,) = build_lines(count_remarks(combined))[-1:]
    assert (line.text, line.actions) == ("6\u00a0lignes comptées avec la première de leur école", {})
    restored = row_edits.amend_row(import_id=combined.pk, number=3, set_aside=False, by=None, at=TERM)
    assert restored.codes == ["conflicting_duplicate"]


@pytest.mark.slow
def test_a_typed_number_replaces_the_sum_even_the_one_of_the_cell(pool):
    _, content = list_by_level()
    summed = answer(upload_and_parse(pool, content), "sum")
    row = row_edits.amend_row(import_id=summed.pk, number=2, edits={"units": "2"}, by=None, at=TERM)
    assert (row.units, row.edits, row.codes) == (2, {"units": "2"}, [])
    assert describe_replaced_number(row, summed) == "Les lignes du fichier donnent 6."
    row = row_edits.amend_row(import_id=summed.pk, number=2, edits={"units": "6"}, by=None, at=TERM)
    assert (row.units, row.edits, row.codes) == (6, {}, ["rows_combined"])


@pytest.mark.slow
def test_counted_rows_override_the_number_for_all(pool):
    _, content = list_by_level(("UAI", "Salle"))
    counted = answer(upload_and_parse(pool, content, units_for_all=1), "count")
    assert stored(2).units == 3
    recheck.recheck_import(counted)
    assert stored(2).units == 3


@pytest.mark.slow
def test_added_classes_do_not_exceed_the_classes_of_one_row(pool):
    _, content = list_by_level(("UAI", "Nombre de classes"))
    answer(upload_and_parse(pool, content), "sum")
    assert (stored(2).units, stored(2).codes, stored(2).ticked) == (6, ["rows_combined"], True)


# Where no column gives a number

BY_CLASS = [[uai, f"École {uai}", "CP"] for uai in (ZOLA, HUGO, SAND) for _ in range(2 if uai == ZOLA else 3)]
NO_NUMBER = ["UAI", "École", "Classe"]


def test_a_list_by_class_without_a_number_offers_to_count_its_rows():
    parsed = parse(BY_CLASS, NO_NUMBER)
    assert codes(parsed) == ["repeated_schools"]
    question = parsed.questions[0]
    assert question.message.startswith("Aucune colonne ne dit combien de licences donner. 3 écoles sur 3")
    assert [option.value for option in question.options] == ["count", "keep"]
    assert question.options[0].label == (
        "Compter les lignes de chaque école, une licence par ligne : 3\u00a0licences dans l'exemple"
    )


def test_so_does_one_for_a_licence_a_class_without_a_number_of_classes():
    parsed = parse(BY_CLASS, NO_NUMBER, volume=Volume.CLASSES)
    assert codes(parsed) == ["repeated_schools"]
    assert parsed.questions[0].message.startswith("Aucune colonne ne donne le nombre de classes. 3 écoles sur 3")
    assert units(answered(BY_CLASS, "count", NO_NUMBER, volume=Volume.CLASSES)) == [2, 3, 3]


def test_rows_that_are_not_counted_leave_the_number_to_be_asked():
    assert codes(parse(BY_CLASS, NO_NUMBER, answers={"repeated_schools": "keep"})) == ["units_source_missing"]
    parsed = parse(BY_CLASS, NO_NUMBER, answers={"repeated_schools": "keep"}, volume=Volume.ALL, units_for_all=4)
    assert codes(parsed) == []


FORM = ["Horodateur", "Adresse e-mail", "Nom", "École", "Commune", "Niveau"]
MARTIN = ["02/09/2026 10:03", "p.martin@gmail.example", "Martin", "Zola", "Nîmes", "CE1"]
ANSWERS = [
    ["01/09/2026 10:03", "m.durand@gmail.example", "Durand", "Zola", "Nîmes", "CP"], MARTIN,
    ["03/09/2026 8:15", "a.petit@gmail.example", "Petit", "Hugo", "Nîmes", "CM1-CM2"],
]  # fmt: skip


def test_answers_to_a_form_offer_to_count_each_school_s():
    (question,) = parse(ANSWERS, FORM).questions
    assert (question.code, question.likely) == ("repeated_schools", "count")
    assert "Une seule école figure sur plusieurs lignes : faut-il les compter ?" in question.message
    assert units(answered(ANSWERS, "count", FORM)) == [2, 1]


@pytest.mark.parametrize(("codes_of_rows", "words"), [(False, "2 noms d'école sur 2"), (True, "2 écoles sur 2")])
def test_names_are_not_counted_as_schools(codes_of_rows, words):
    rows = [[uai if codes_of_rows else "?", name, ""] for uai, name in ((ZOLA, "Zola"), (HUGO, "Hugo")) * 2]
    (question,) = parse(rows, ["UAI", "École", "Niveau"]).questions
    assert f"{words} figurent sur plusieurs lignes" in question.message


def test_a_form_with_one_answer_a_school_offers_it_too():
    addresses, question = parse(ANSWERS[1:], FORM).questions
    assert (addresses.code, addresses.likely, question.likely) == ("email_columns", "none", "count")
    assert "Chaque ligne semble être celle d'un enseignant" in question.message


def test_a_person_who_answered_twice_for_a_school_is_counted_once():
    parsed = parse([*ANSWERS, ["05/09/2026 9:00", *MARTIN[1:]]], FORM, answers={"repeated_schools": "count"})
    assert units(parsed.rows) == [2, 1]
    assert "la même personne est comptée une fois (ligne 5)" in parsed.rows[0].problems[0].message
    assert "Une ligne répète la réponse d'une même personne" in parsed.remarks[-1]


@pytest.mark.parametrize("level", ["CP", "CE1-CE2", "CE1 B", "cycle 2", "PS/MS"])
def test_the_level_of_a_class_is_no_type_of_school(level):
    rows = [["Zola", "Nîmes", level, 2], ["Hugo", "Nîmes", level, 3]]
    assert Meaning.KIND not in parse(rows, ["École", "Commune", "Niveau", "Licences"]).columns


@pytest.mark.slow
def test_counted_rows_are_applied_without_a_column_of_numbers(pool):
    schools = SchoolFactory.create_batch(3)
    content = build_csv([["UAI", "Classe"], *[[school.uai, "CP"] for school in schools for _ in range(2)]])
    spreadsheet_import = upload_and_parse(pool, content)
    intake.choose_layout(
        import_id=spreadsheet_import.pk, sheets=None, header_row=1, columns={Meaning.UAI: 0},
        answers={"repeated_schools": "count"}, units_for_all=None, by=None, at=TERM,
    )  # fmt: skip
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    # Said once, by the page: see `test_the_page_recalls_what_became_of_the_rows`.
    assert spreadsheet_import.layout.remarks == []
    confirm_and_apply(spreadsheet_import)
    assert list(Allocation.objects.values_list("units", flat=True)) == [2, 2, 2]


def read_answers(pool, *lines):
    """Read answers to a form, with a column of UAI whose « ? » are schools to choose, and count the rows."""
    titles = ["Horodateur", "Adresse e-mail", "UAI", "École"]
    rows = [[f"0{n}/09/2026 10:03", *line] for n, line in enumerate(lines, start=1)]
    spreadsheet_import = upload_and_parse(pool, build_csv([titles, *rows]))
    intake.choose_layout(
        import_id=spreadsheet_import.pk, sheets=None, header_row=1, columns={Meaning.UAI: 2, Meaning.NAME: 3},
        answers={"repeated_schools": "count", "email_columns": "none"}, units_for_all=None, by=None, at=TERM,
    )  # fmt: skip
    tasks.read(import_id=spreadsheet_import.pk)
    spreadsheet_import.refresh_from_db()
    assert spreadsheet_import.state == ImportState.CHECKED
    return spreadsheet_import


def given(spreadsheet_import):
    """Return the licences of the ticked rows, by number."""
    return dict(ImportRow.objects.filter(import_id=spreadsheet_import.pk, ticked=True).values_list("number", "units"))


@pytest.mark.slow
def test_rows_of_a_school_that_each_spells_otherwise_add_up_whatever_is_chosen_after(pool):
    zola, hugo = SchoolFactory.create_batch(2)
    counted = read_answers(
        pool, ["a@x.example", zola.uai, "Zola"], ["b@x.example", "?2", "E. Zola"], ["c@x.example", "?3", "Emile Zola"],
        ["d@x.example", hugo.uai, "Hugo"], ["a@x.example", zola.uai, "Zola"],
    )  # fmt: skip
    steps: list[tuple[int, dict[str, Any], dict[int, int]]] = [
        (3, {"edits": {"uai": zola.uai}}, {2: 2, 5: 1}),
        (4, {"edits": {"uai": zola.uai}}, {2: 3, 5: 1}),
        (4, {"edits": {"uai": hugo.uai}}, {2: 2, 4: 2}),
        (4, {"edits": {"uai": zola.uai}}, {2: 3, 5: 1}),
        (3, {"set_aside": True}, {2: 2, 5: 1}),
        (3, {"set_aside": False}, {2: 3, 5: 1}),
        (2, {"set_aside": True}, {3: 2, 5: 1}),
        (2, {"set_aside": False}, {2: 3, 5: 1}),
        (3, {"edits": {"units": "4"}}, {2: 6, 5: 1}),
        (2, {"edits": {"units": "9"}}, {2: 9, 5: 1}),
    ]
    for number, change, expected in steps:
        row_edits.amend_row(import_id=counted.pk, number=number, by=None, at=TERM, **change)
        assert given(counted) == expected, (number, change)
        recheck.recheck_import(counted)
        assert given(counted) == expected, (number, change)
    assert describe_replaced_number(stored(2), counted) == "Les lignes du fichier donnent 6."
    assert all(row.problems for row in ImportRow.objects.filter(ticked=False))
    assert queries.get_tally(counted).units == 10
    confirm_and_apply(counted)
    assert dict(Allocation.objects.values_list("school_id", "units")) == {zola.uai: 9, hugo.uai: 1}


@pytest.mark.slow
def test_the_spellings_of_a_school_that_is_recognised_add_up_and_a_person_counts_once(pool):
    school, other = SchoolFactory.create_batch(2)
    counted = read_answers(
        pool, ["a@x.example", school.uai, "Zola"], ["b@x.example", f"{school.uai} ", "Zola"],
        ["a@x.example", f"UAI {school.uai}", "Zola"], ["c@x.example", other.uai, "Hugo"],
        ["e@x.example", other.uai, "Hugo"],
    )  # fmt: skip
    assert given(counted) == {2: 2, 5: 2}
    (again,) = stored(4).problems
    assert (stored(4).verdict, again["code"]) == (Verdict.IGNORED, "counted_with_another")
    assert "La même personne y est déjà comptée." in again["message"]


@pytest.mark.slow
def test_numbers_to_add_up_are_those_of_a_chosen_school_s_rows_too(pool):
    schools = SchoolFactory.create_batch(3)
    lines = [[school.uai, school.name, 2] for school in schools for _ in range(3)]
    content = build_csv([["UAI", "École", "Licences"], *lines, ["?", "E. Zola", 3], ["?", "Emile Zola", ""]])
    summed = answer(upload_and_parse(pool, content), "sum")
    for number in (11, 12):
        row_edits.amend_row(import_id=summed.pk, number=number, edits={"uai": schools[0].uai}, by=None, at=TERM)
    assert given(summed) == {2: 9, 5: 6, 8: 6}
    # A number that is missing is asked for in its row.
    assert (stored(12).verdict, stored(12).codes) == (Verdict.ERROR, ["units_missing"])
    row_edits.amend_row(import_id=summed.pk, number=12, edits={"units": "1"}, by=None, at=TERM)
    assert given(summed) == {2: 10, 5: 6, 8: 6}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "status", "answers"),
    [
        ({}, 422, None),
        ({"answer_repeated_schools": "count"}, 302, {"repeated_schools": "count"}),
        ({"answer_repeated_schools": "count", "volume": "all", "units_for_all": 4}, 422, None),
        ({"volume": "all", "units_for_all": 4}, 302, {}),
        ({"column_1": "units"}, 302, {}),
    ],
)
def test_rows_are_counted_or_their_number_is_given_and_not_both(officer, pool, fields, status, answers):
    content = build_csv([["UAI", "Classe"], *[[uai, "CP"] for uai in UNUSED_UAIS[:3] for _ in range(2)]])
    spreadsheet_import = upload_and_parse(pool, content)
    fields = {"header_row": 1, "column_0": "uai", **fields}
    assert officer.post(import_url("choose", spreadsheet_import.pk), fields).status_code == status
    spreadsheet_import.refresh_from_db()
    assert answers is None or spreadsheet_import.choices.answers == answers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "units_for_all", "recalled"),
    [
        ("sum", None, ["Les nombres des lignes d'une même école sont additionnés."]),
        ("keep", None, ["Une seule ligne par école est gardée."]),
        ("count", None, ["Une licence par ligne de chaque école."]),
        ("count", 1, ["Une licence par ligne de chaque école."]),
        ("keep", 4, ["4\u00a0licences pour chacune.", "Une seule ligne par école est gardée."]),
        (
            "sum",
            4,
            ["4\u00a0licences pour chaque ligne.", "Les nombres des lignes d'une même école sont additionnés."],
        ),
    ],
)
def test_the_page_recalls_what_became_of_the_rows(pool, officer, option, units_for_all, recalled):
    _, content = list_by_level(("UAI", "Salle") if units_for_all else ("UAI", "Licences"))
    answer(upload_and_parse(pool, content, units_for_all=units_for_all), option)
    page = officer.get(import_url("detail", SpreadsheetImport.objects.get().pk))
    assert page.context["numbers"] == recalled
    assert all(curl_apostrophes(sentence).replace("\u00a0", " ") in page_text(page) for sentence in recalled)
