"""Tables side by side in one sheet."""

import pytest

from imports.columns import Meaning
from imports.enums import Purpose
from imports.models import ImportRow
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from tests.factories.schools import SchoolFactory
from tests.imports.actions import build_annotated, upload_and_parse, upload_corrected
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx

A, B, C, D, E = UNUSED_UAIS
TITLES = ["UAI", "École", "Licences"]
GAP = [None]


def parse(rows, merged=(), **choices):
    return parse_spreadsheet(build_xlsx(rows, merged=merged), ParsingOptions(**choices))


def units(parsed_sheet):
    return {row.cells["uai"]: row.units for row in parsed_sheet.rows if not row.ignored}


TWINS = [[*TITLES, None, *TITLES], [A, "Zola", 3, None, C, "Hugo", 5], [B, "Sand", 4, None, D, "Gide", 6]]


@pytest.mark.parametrize(
    ("rows", "merged"),
    [
        (TWINS, ()),
        ([["Secteur Nord", None, None, None, "Secteur Sud"], *TWINS], ()),
        ([["Secteur Nord", None, None, None, "Secteur Sud"], *TWINS], ("A1:C1", "E1:G1")),
        ([["Les écoles de la ville et leurs licences"], [], *TWINS], ("A1:G1",)),
        ([[*TITLES, *TITLES], [A, "Zola", 3, C, "Hugo", 5], [B, "Sand", 4, D, "Gide", 6]], ()),
        ([[*TITLES, None, "Code RNE", "Établissement", "Quantité"], *TWINS[1:]], ()),
        ([[*TITLES, None, "Licences", "École", "UAI"], [A, "Zola", 3, None, 5, "Hugo", C],
          [B, "Sand", 4, None, 6, "Gide", D]], ()),
        ([[*TITLES, None, None, None, None], [A, "Zola", 3, None, *TITLES], [B, "Sand", 4, None, C, "Hugo", 5],
          [None, None, None, None, D, "Gide", 6]], ()),
    ],
)  # fmt: skip
def test_tables_side_by_side_are_both_read(rows, merged):
    """Under two banners or one, merged or not, without a gap, with other titles, and at different heights."""
    parsed_sheet = parse(rows, merged)
    assert units(parsed_sheet) == {A: 3, B: 4, C: 5, D: 6}
    assert parsed_sheet.questions == []
    (remark,) = parsed_sheet.remarks
    assert remark.startswith("La feuille « Feuil1 » porte 2 tableaux côte à côte")
    assert len(parsed_sheet.regions) == 2


def test_row_numbers_are_those_of_the_file_and_three_tables_are_three_sheets():
    content = build_csv(
        [["UAI", "Licences", "", "UAI", "Licences", "", "UAI", "Licences"],
         [A, "1", "", B, "2", "", C, "3"], ["", "", "", D, "4", "", E, "5"]]
    )  # fmt: skip
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert parsed_sheet.sheets == ["Colonnes A à B", "Colonnes D à E", "Colonnes G à H"]
    assert [(row.sheet, row.number, row.units) for row in parsed_sheet.rows] == [
        (0, 2, 1), (1, 2, 2), (1, 3, 4), (2, 2, 3), (2, 3, 5),
    ]  # fmt: skip


def test_tables_without_numbers_are_both_read_for_the_perimeter():
    rows = [["École", "Commune", None, "École", "Commune"], ["Zola", "Nîmes", None, "Hugo", "Alès"]]
    parsed_sheet = parse(rows, purpose=Purpose.PORTFOLIO)
    assert [row.cells["name"] for row in parsed_sheet.rows] == ["Zola", "Hugo"]


def test_one_of_the_tables_can_be_chosen_alone():
    parsed_sheet = parse(TWINS, sheets=["Feuil1 (E à G)"])
    assert units(parsed_sheet) == {C: 5, D: 6}


def test_the_same_schools_on_both_sides_are_asked_about():
    same = [[*TITLES, None, *TITLES], [A, "Zola", 3, None, A, "Zola", 5], [B, "Sand", 4, None, B, "Sand", 6]]
    parsed_sheet = parse(same)
    assert [question.code for question in parsed_sheet.questions] == ["multiple_versions"]
    assert "« Feuil1 (A à C) » et « Feuil1 (E à G) »" in parsed_sheet.questions[0].message


@pytest.mark.parametrize(
    ("titles", "row"),
    [
        (["UAI", "École", "Licences", None, "UAI du collège", "Collège"], [A, "Zola", 3, None, C, "Collège Hugo"]),
        (["UAI", "École", None, "Licences", None, "Remarques"], [A, "Zola", None, 3, None, "à revoir"]),
        (
            ["UAI", "École", "Nom", "Mél", "Nom", "Mél", "Licences"],
            [A, "Zola", "M. Un", "a@b.fr", "Mme Deux", "a@b.fr", 3],
        ),
        (["UAI", "École", "Licences", None, "Contact", "Mél"], [A, "Zola", 3, None, "Mme Martin", "a@b.fr"]),
        (["UAI", "École", "Licences", "Directeur", "Licences"], [A, "Zola", 3, "Mme Martin", 3]),
    ],
)
def test_columns_about_the_same_schools_are_no_second_table(titles, row):
    parsed_sheet = parse([titles, row, [B, *row[1:]]])
    assert (parsed_sheet.sheets, units(parsed_sheet)) == (["Feuil1"], {A: 3, B: 3})


JOINED = [["UAI", "Licences", "Code RNE", "Quantité"], [A, 3, C, 5], [B, 4, D, 6]]


NAMED = [
    ["École", "Ville", "Licences", "Commune", "Établissement", "Quantité"], ["Zola", "Nîmes", 3, "Alès", "Hugo", 5],
]  # fmt: skip


MAT, ELEM = "École maternelle", "École élémentaire"


@pytest.mark.parametrize(
    "rows",
    [
        # Titles that say which side they are of, at each place or in any order.
        [["Ville", "UAI mat.", "Classes mat.", "UAI élém.", "Classes élém."], ["Nîmes", A, 3, C, 7],
         ["Alès", B, 4, D, 6]],
        [["Ville", "UAI 1", "Licences 1", "UAI 2", "Licences 2"], ["Nîmes", A, 3, C, 7], ["Alès", B, 4, D, 6]],
        [["Ville", "UAI mat", "UAI élém", "Nb classes mat", "Nb classes élém"], ["Nîmes", A, C, 3, 7],
         ["Alès", B, D, 4, 6]],
        [["Ville", MAT, "UAI", "Licences", ELEM, "UAI", "Licences"], ["Nîmes", "Zola", A, 3, "Hugo", C, 7],
         ["Alès", "Sand", B, 4, "Gide", D, 6]],
        [["Ville", "Maternelle", None, "Élémentaire", None], [None, "UAI", "Classes", "UAI", "Classes"],
         ["Nîmes", A, 3, C, 7], ["Alès", B, 4, D, 6]],
        # Of the school of one side there is no other.
        [["Ville", "UAI mat.", "Licences mat.", "UAI élém.", "Licences élém."], ["Nîmes", A, 3, C, 7],
         ["Uzès", None, None, D, 6], ["Alès", B, 4, None, None]],
        # Their sum is no number of theirs.
        [["Ville", "UAI mat.", "Classes mat.", "UAI élém.", "Classes élém.", "Total classes"],
         ["Nîmes", A, 3, C, 7, 10], ["Alès", B, 4, D, 6, 10]],
    ],
)  # fmt: skip
def test_two_schools_a_row_are_read_with_what_they_share(rows):
    parsed_sheet = parse(rows)
    assert (units(parsed_sheet), parsed_sheet.questions) == ({A: 3, B: 4, C: 7, D: 6}, [])
    assert {row.cells["commune"] for row in parsed_sheet.rows if row.number == len(rows)} == {"Alès"}


def test_two_schools_a_row_without_uai_have_the_level_of_their_titles():
    rows = [["Commune", MAT, "Classes", ELEM, "Classes"], ["Nîmes", "Zola", 3, "Zola", 5], ["Alès", "", "", "Hugo", 6]]
    found = [(row.cells["name"], row.cells["commune"], row.cells["kind"], row.units) for row in parse(rows).rows]
    assert found == [
        ("Zola", "Nîmes", "maternelle", 3), ("Zola", "Nîmes", "elementaire", 5), ("Hugo", "Alès", "elementaire", 6),
    ]  # fmt: skip


def test_three_schools_a_row_are_read():
    titles = [f"{title} {number}" for number in (1, 2, 3) for title in ("RNE", "Quantité")]
    parsed_sheet = parse([titles, [A, 1, B, 2, C, 3], [D, 4, E, 5]])
    assert units(parsed_sheet) == {A: 1, B: 2, C: 3, D: 4, E: 5}


@pytest.mark.parametrize(
    "titles",
    [
        ["UAI", "Licences demandées", "UAI tête de réseau", "Licences accordées"],
        ["UAI", "Licences", "UAI du collège", "Licences"],
        ["UAI demande", "Licences demandées", "UAI accord", "Licences accordées"],
    ],
)
def test_two_schools_a_row_whose_titles_differ_are_asked_about(titles):
    rows = [titles, [A, 3, C, 5], [B, 4, D, 6]]
    assert [question.code for question in parse(rows).questions] == ["joined_tables"]
    answered = parse(rows, answers={"joined_tables": "pairs"}, sheets=["Feuil1"], columns={Meaning.UAI: 0})
    assert (answered.sheets, set(units(answered))) == (["Feuil1 (A à B)", "Feuil1 (C à D)"], {A, B, C, D})
    again = parse(rows, answers={"joined_tables": "one"}, sheets=answered.sheets)
    assert again.sheets == ["Feuil1"]


@pytest.mark.parametrize(("rows", "columns"), [(JOINED, "A et C"), (NAMED, "A et E")])
def test_tables_that_touch_with_other_titles_are_asked_about(rows, columns):
    """The licences of the right one were given to the schools of the left one."""
    (question,) = [one for one in parse(rows).questions if one.code == "joined_tables"]
    assert question.message.startswith(f"Les colonnes {columns} nomment toutes deux des écoles")
    answered = parse(rows, answers={"joined_tables": "one"})
    assert [one.code for one in answered.answered] == ["joined_tables"]


@pytest.mark.parametrize(
    "rows",
    [
        [["UAI", "Licences demandées", "UAI du collège", "Licences"], [A, 3, C, 3], [B, 4, C, 4]],
        [["UAI", "Code RNE", "Licences"], [A, C, 3], [B, D, 4]],
        [["École", "Commune", "Licences demandées", "Licences accordées", "Ville"], ["Zola", "Nîmes", 3, 3, "Nîmes"]],
        [["UAI", "Licences", "Code RNE", "Quantité"], [A, 3, A, 3], [B, 4, B, 4]],
    ],
)
def test_one_table_with_two_columns_of_uai_is_not_taken_for_two(rows):
    assert "joined_tables" not in [question.code for question in parse(rows).questions]


@pytest.mark.slow
def test_the_annotated_workbook_gives_each_table_its_sheet(pool):
    schools = SchoolFactory.create_batch(4)
    left = [[schools[0].uai, schools[0].name, 3], ["0300000Z", schools[1].name, 4]]
    right = [["0300000Z", schools[2].name, 5], [schools[3].uai, schools[3].name, 6]]
    rows = [[*one, None, *other] for one, other in zip(left, right, strict=True)]
    spreadsheet_import = upload_and_parse(pool, build_xlsx([TWINS[0], *rows]), filename="deux.xlsx")
    book = build_annotated(spreadsheet_import)
    assert book.sheetnames[:2] == ["Feuil1 (A à C)", "Feuil1 (E à G)"]
    assert book["Feuil1 (A à C)"]["A3"].comment is not None
    assert book["Feuil1 (E à G)"]["A2"].comment is not None
    book["Feuil1 (A à C)"]["F3"], book["Feuil1 (E à G)"]["F2"] = schools[1].uai, schools[2].uai
    corrected = upload_corrected(pool, book)
    found = ImportRow.objects.filter(import_id=corrected.pk).values_list("sheet", "number", "uai", "units")
    assert sorted(found) == [
        (0, 2, schools[0].uai, 3), (0, 3, schools[1].uai, 4), (1, 2, schools[2].uai, 5), (1, 3, schools[3].uai, 6),
    ]  # fmt: skip
