"""Tables that lie on their side, forms one below the other, titles far down, and what is printed around a list."""

import pytest

from imports.models import ImportRow
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from tests.factories.schools import SchoolFactory
from tests.imports.actions import build_annotated, upload_and_parse, upload_corrected
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_ods, build_xlsx

A, B, C, D, _ = UNUSED_UAIS


def parse(rows, merged=(), **choices):
    return parse_spreadsheet(build_xlsx(rows, merged=merged), ParsingOptions(**choices))


def units(parsed_sheet):
    return {row.cells["uai"]: row.units for row in parsed_sheet.rows if not row.ignored}


@pytest.mark.parametrize(
    "rows",
    [
        [["École", "Zola", "Hugo"], ["UAI", A, B], ["Directeur", "M. Un", "Mme Deux"], ["Licences", 3, 4]],
        [["UAI :", A, B], ["Licences :", 3, 4]],
        [["Écoles de la ville"], [], [None, "Code RNE", A, B], [None, "Parrain", "x", "x"], [None, "Commune", "N", "N"],
         [None, "Nombre de licences", 3, 4]],
    ],
)  # fmt: skip
def test_a_table_on_its_side_is_read_turned(rows):
    parsed_sheet = parse(rows)
    assert (units(parsed_sheet), parsed_sheet.questions) == ({A: 3, B: 4}, [])
    assert parsed_sheet.sheets == ["Feuil1 (tournée)"]
    assert "Tableau couché, une école par colonne : « Feuil1 »" in parsed_sheet.remarks[0]


def test_the_row_of_a_turned_table_is_the_column_of_the_file():
    parsed_sheet = parse(
        [["École", "École Zola", None, "École Hugo"], ["Licences", 3, None, 4], ["Classes", 5, None, 6]]
    )
    assert [(row.number, row.cells["name"], row.units) for row in parsed_sheet.rows] == [
        (2, "École Zola", 3), (4, "École Hugo", 4),
    ]  # fmt: skip


def test_a_formula_without_a_result_is_found_in_a_turned_table():
    content = build_ods([["UAI", A, B], ["Licences", None, 4]], formulas={(1, 1): "of:=2+2"})
    problems = {row.number: [p.code for p in row.problems] for row in parse_spreadsheet(content, ParsingOptions()).rows}
    assert problems == {2: ["formula_not_computed"], 3: []}


def test_one_form_a_sheet_is_read_as_a_list():
    content = build_xlsx(
        [["École", "École Zola"], ["UAI", A], ["Licences", 3]],
        more={"Hugo": [["École", "École Hugo"], ["UAI", B], ["Licences", 4]]},
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert units(parsed_sheet) == {A: 3, B: 4}
    assert "« Feuil1 », « Hugo »" in parsed_sheet.remarks[0]


@pytest.mark.parametrize(
    "rows",
    [
        [["UAI", "École", "Licences"], [A, "École Zola", 3]],
        [["École", "École Zola"], ["UAI", "Code à huit signes"], ["Licences", "Leur nombre"], [],
         ["UAI", "Nombre"], [A, 3]],
        [["UAI", A], [B, 3]],
    ],
)  # fmt: skip
def test_an_upright_table_is_not_turned(rows):
    parsed_sheet = parse(rows)
    assert parsed_sheet.sheets == ["Feuil1"]


FORM = [["École :", "Zola"], ["UAI :", A], ["Commune :", "Nîmes"], ["Licences :", 3]]
OTHER_FORM = [["École :", "Hugo"], ["UAI :", B], ["Commune :", "Nîmes"], ["Licences :", 4]]


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        ([*FORM, [], *OTHER_FORM], [4, 9]),
        ([*FORM, *OTHER_FORM], [4, 8]),
        ([["Fiche 1"], *FORM, ["Signature"], [], ["Fiche 2"], *OTHER_FORM, ["Signature"]], [5, 12]),
        (
            [["École : Zola"], [f"UAI : {A}"], ["Licences : 3"], ["École : Hugo"], [f"UAI : {B}"], ["Licences : 4"]],
            [3, 6],
        ),
        ([["École", "Zola", "UAI", A], ["Licences", 3], [], ["École", "Hugo", "UAI", B], ["Licences", 4]], [2, 5]),
        ([*FORM, [], *OTHER_FORM[:2], ["Commune :"], ["Licences :", 4]], [4, 9]),
    ],
)
def test_forms_one_below_the_other_are_read_as_a_list(rows, numbers):
    """With banners and signatures, label and value in one cell, two labels in a row, a blank."""
    parsed_sheet = parse(rows)
    assert (units(parsed_sheet), parsed_sheet.questions) == ({A: 3, B: 4}, [])
    assert [row.number for row in parsed_sheet.rows] == numbers
    assert "2 formulaires l'un sous l'autre" in parsed_sheet.remarks[0]


@pytest.mark.parametrize(
    "rows",
    [
        [["Type", "UAI", "Licences"], ["École", A, 3], ["École", B, 3], ["Collège", C, 3]],
        [["UAI", "Licences"], [A, 3], ["UAI", "Licences"], [B, 3], ["UAI", "Licences"], [C, 3]],
    ],
)
def test_a_list_with_words_of_titles_in_its_cells_is_no_form(rows):
    parsed_sheet = parse(rows)
    assert (parsed_sheet.sheets, units(parsed_sheet)) == (["Feuil1"], {A: 3, B: 3, C: 3})


def test_two_tables_on_their_side_are_neither_turned_nor_taken_for_forms():
    """Which would read the first schools of each and lose the others in silence."""
    parsed_sheet = parse([["UAI", A, B], ["Licences", 3, 4], [], ["UAI", C, D], ["Licences", 5, 6]])
    assert parsed_sheet.sheets == ["Feuil1"]
    assert parsed_sheet.questions
    assert not any(row.units for row in parsed_sheet.rows)


def test_titles_below_a_long_letter_are_found():
    letter = [[f"Madame, Monsieur, voici la ligne {number} de notre courrier."] for number in range(120)]
    parsed_sheet = parse([*letter, ["UAI", "École", "Licences"], [A, "Zola", 3], [B, "Hugo", 4]])
    assert (parsed_sheet.regions, parsed_sheet.questions) == ([(0, 121)], [])
    assert units(parsed_sheet) == {A: 3, B: 4}


def test_the_page_numbers_of_a_printed_list_are_no_schools():
    page = ["Ville de Nîmes", None, "Page 2/3"]
    rows = [["École", "UAI", "Licences"], ["Zola", A, 3], [], page, ["École", "UAI", "Licences"], ["Hugo", B, 4]]
    parsed_sheet = parse(rows)
    assert {row.number: row.ignored for row in parsed_sheet.rows}[4] == "Ligne sans école : une note ou un titre."
    assert units(parsed_sheet) == {A: 3, B: 4}


@pytest.mark.parametrize(
    ("text", "is_comment"),
    [
        ("→ vu avec la mairie", True), ("en attente de la directrice", True), ("- École Zola", False),
        ("les Tilleuls", False), ("Jean de la Fontaine", False), ("« Les Tilleuls »", False),
    ],
)  # fmt: skip
def test_a_comment_in_the_column_of_names_is_no_school(text, is_comment):
    rows = [["École", "Commune", "Licences"], ["Zola", "Nîmes", "3"], [text, "", ""], ["Hugo", "Nîmes", "4"]]
    parsed_sheet = parse_spreadsheet(build_csv(rows), ParsingOptions())
    assert [bool(row.ignored) for row in parsed_sheet.rows] == [False, is_comment, False]


def test_a_name_without_a_capital_is_a_school_where_none_has_one():
    rows = [["École", "Commune", "Licences"], ["zola", "nîmes", "3"], ["jean de la fontaine", "", ""]]
    assert not parse_spreadsheet(build_csv(rows), ParsingOptions()).rows[1].ignored


@pytest.mark.slow
def test_the_annotated_workbook_of_a_turned_table_is_upright(pool):
    schools = SchoolFactory.create_batch(2)
    content = build_xlsx(
        [["École", *[s.name for s in schools]], ["UAI", schools[0].uai, "0300000Z"], ["Licences", 3, 4]]
    )
    book = build_annotated(upload_and_parse(pool, content, filename="couché.xlsx"))
    sheet = book["Feuil1 (tournée)"]
    assert [cell.value for cell in sheet[1]][:3] == ["École", "UAI", "Licences"]
    sheet["F3"] = schools[1].uai
    corrected = upload_corrected(pool, book)
    found = ImportRow.objects.filter(import_id=corrected.pk).values_list("number", "uai", "units")
    assert sorted(found) == [(2, schools[0].uai, 3), (3, schools[1].uai, 4)]
