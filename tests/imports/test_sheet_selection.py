"""Sheet selection and header rows."""

import io

import openpyxl
import pytest

from imports.columns import Meaning
from imports.enums import Purpose
from imports.formats.exceptions import UnreadableFile
from imports.parsing.headers import compute_header_digest
from imports.parsing.spreadsheet import (
    ParsingContext,
    ParsingOptions,
    RememberedMapping,
    parse_spreadsheet,
)
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx, save_workbook

ONE_EACH = ParsingOptions(units_for_all=1)


def mapped_titles(parsed_sheet):
    return {meaning.value: parsed_sheet.titles[index] for meaning, index in parsed_sheet.columns.items()}


def row_numbers(parsed_sheet):
    return [(row.sheet, row.number) for row in parsed_sheet.rows if not row.ignored]


def question_codes(parsed_sheet):
    return [question.code for question in parsed_sheet.questions]


# Two header rows


def test_titles_in_two_merged_lines_are_joined():
    content = build_xlsx(
        [
            ["Écoles de la ville – rentrée 2026"],
            ["UAI", "École", "Contact", None, "Nombre de classes", None],
            [None, None, "Nom", "Mél", "Mat.", "Élém."],
            [UNUSED_UAIS[0], "Zola", "Mme Martin", "a@b.fr", 3, 5],
            [UNUSED_UAIS[1], "Hugo", "M. Durand", "c@d.fr", 2, 6],
        ],
        merged=["A1:F1", "A2:A3", "B2:B3", "C2:D2", "E2:F2"],
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert parsed_sheet.regions == [(0, 3)]
    assert parsed_sheet.titles == [
        "UAI", "École", "Contact / Nom", "Contact / Mél", "Nombre de classes / Mat.", "Nombre de classes / Élém.",
    ]  # fmt: skip
    assert mapped_titles(parsed_sheet) == {
        "uai": "UAI", "name": "École", "contact_name": "Contact / Nom", "email": "Contact / Mél",
        "classes": "Nombre de classes / Élém.",
    }  # fmt: skip
    assert [(row.units, row.contact_name) for row in parsed_sheet.rows] == [(5, "Mme Martin"), (6, "M. Durand")]


def test_two_title_rows_of_a_text_file_are_joined_without_merged_cells():
    content = build_csv(
        [
            ["Localisation", "", "Établissement", "", "Dotation", ""],
            ["Commune", "Code postal", "Dénomination", "Code RNE", "Licences demandées", "Observations"],
            ["Nîmes", "30000", "École Zola", UNUSED_UAIS[0], "4", ""],
        ]
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert parsed_sheet.regions == [(0, 2)]
    assert mapped_titles(parsed_sheet) == {
        "commune": "Localisation / Commune", "postal_code": "Localisation / Code postal",
        "name": "Établissement / Dénomination", "uai": "Établissement / Code RNE",
        "units": "Dotation / Licences demandées",
    }  # fmt: skip


def test_a_banner_above_the_titles_is_no_line_of_them():
    content = build_xlsx([["Liste des écoles", None, None, "Année 2026"], ["UAI", "École", "Commune", "Licences"],
                    [UNUSED_UAIS[0], "Zola", "Nîmes", 2]])  # fmt: skip
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert (parsed_sheet.titles, parsed_sheet.regions) == (["UAI", "École", "Commune", "Licences"], [(0, 2)])


def test_the_first_school_is_no_second_line_of_titles():
    content = build_csv([["École", "Commune", "Type"], ["Jean Jaurès", "", "École"], ["Zola", "Nîmes", "Collège"]])
    parsed_sheet = parse_spreadsheet(content, ONE_EACH)
    assert parsed_sheet.regions == [(0, 1)]
    assert len(parsed_sheet.rows) == 2


def test_a_chosen_title_row_includes_the_merged_row_above():
    content = build_xlsx([["UAI", "Contact", None], [None, "Nom", "Mél"], [UNUSED_UAIS[0], "Mme Martin", "a@b.fr"]],
                   merged=["B1:C1"])  # fmt: skip
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(units_for_all=1, header_row=2))
    assert parsed_sheet.titles == ["UAI", "Contact / Nom", "Contact / Mél"]


# One header row


@pytest.mark.parametrize(
    "line", [["(1)", "(2)", "(3)"], ["1", "2", "3"], ["a", "b", "c"], ["(texte)", "(texte)", "(nombre)"]]
)
def test_a_line_that_numbers_the_columns_is_ignored(line):
    parsed_sheet = parse_spreadsheet(
        build_csv([["UAI", "École", "Licences"], line, [UNUSED_UAIS[0], "Zola", "2"]]), ParsingOptions()
    )
    assert [bool(row.ignored) for row in parsed_sheet.rows] == [True, False]


def test_an_example_in_a_note_is_no_school():
    content = build_csv(
        [["Le RNE est l'ancien nom de l'UAI (exemple : 0301234D)"], ["UAI", "Licences"], [UNUSED_UAIS[1], "2"]]
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert (parsed_sheet.regions, row_numbers(parsed_sheet)) == ([(0, 2)], [(0, 3)])


def test_titles_stand_above_schools_without_uai():
    rows = [["Récapitulatif"], [], ["Nom de l'établissement", "Commune", "Nb licences"], ["Zola", "Nîmes", 3]]
    parsed_sheet = parse_spreadsheet(build_xlsx(rows), ParsingOptions())
    assert parsed_sheet.regions == [(0, 3)]
    assert [(row.cells["name"], row.cells["commune"], row.units) for row in parsed_sheet.rows] == [("Zola", "Nîmes", 3)]


def test_schools_above_the_first_uai_are_not_taken_for_titles():
    content = build_csv([["", "École Zola", "Nîmes", "3"], [UNUSED_UAIS[0], "École Hugo", "Alès", "2"]])
    parsed_sheet = parse_spreadsheet(content, ONE_EACH)
    assert (parsed_sheet.regions, len(parsed_sheet.rows)) == ([(0, None)], 2)


def test_titles_far_above_the_first_uai_are_found():
    rows = [
        ["UAI", "École", "Commune"],
        *[["", f"École {n}", "Nîmes"] for n in range(30)],
        [UNUSED_UAIS[0], "Zola", "Nîmes"],
    ]
    assert parse_spreadsheet(build_csv(rows), ONE_EACH).regions == [(0, 1)]


# Sheets


def test_sheets_with_the_same_columns_are_parsed_together():
    titles = ["N° RNE", "École", "Licences"]
    content = build_xlsx(
        [["Notice"]],
        sheet="Lisez-moi",
        more={
            "Nîmes": [["Ville de Nîmes"], [], titles, [UNUSED_UAIS[0], "Zola", 3]],
            "Alès": [[*titles, None], [UNUSED_UAIS[1], "Hugo", 2], ["TOTAL", None, 2]],
            "Autre": [["UAI", "Commentaire"], [UNUSED_UAIS[2], "…"]],
        },
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert parsed_sheet.regions == [(1, 3), (2, 1)]
    assert row_numbers(parsed_sheet) == [(1, 4), (2, 2)]
    assert parsed_sheet.remarks == [
        "2 feuilles de mêmes colonnes sont lues ensemble : « Nîmes », « Alès ».",
        "D'autres colonnes que celles-ci, ne sont pas lues : « Autre ».",
    ]


LIST: list[list[str | int]] = [["UAI", "École", "Licences"], [UNUSED_UAIS[0], "Zola", 3], [UNUSED_UAIS[1], "Hugo", 3]]
ADDED = [["RNE", "Nb licences"], [UNUSED_UAIS[2], 2], [UNUSED_UAIS[3], 5]]


def test_another_sheet_of_other_schools_is_asked_about():
    content = build_xlsx(LIST, sheet="Liste", more={"Ajouts juin": ADDED})
    (question,) = parse_spreadsheet(content, ParsingOptions()).questions
    assert question.message == "La feuille « Ajouts juin » contient aussi 2\xa0écoles : la lire ?"
    assert (question.code, question.likely) == ("unread_sheets", "ajouts-juin/")
    for answer, read in (("ajouts-juin/", [3, 3, 2, 5]), ("/ajouts-juin", [3, 3])):
        # The page sends the sheets that were read beside the answer.
        for sheets in (None, ["Liste"]):
            answered = parse_spreadsheet(content, ParsingOptions(sheets=sheets, answers={"unread_sheets": answer}))
            assert [row.units for row in answered.rows] == read
            assert not answered.questions


def test_a_hidden_sheet_is_asked_about_and_not_likely():
    content = hide_sheets(build_xlsx(LIST, sheet="Liste", more={"Feuil2": ADDED}), "Feuil2")
    (question,) = parse_spreadsheet(content, ParsingOptions()).questions
    assert ("« Feuil2 », masquée, contient" in question.message, question.taken) == (True, frozenset())


@pytest.mark.parametrize(
    "rows",
    [
        [["UAI", "Licences 2026", "Nom"], [UNUSED_UAIS[1], 3, "Hugo"], [UNUSED_UAIS[0], 3, "Zola"]],
        [["École", "Total licences"], ["Zola", 3], ["Hugo", 3]],
        [["UAI", "École"], [UNUSED_UAIS[2], "Sand"], [UNUSED_UAIS[3], "Gide"]],
        [["EEPU", "école élémentaire publique"], ["UAI", "le code de l'école"]],
    ],
)
def test_the_same_schools_and_sheets_without_numbers_are_not_asked_about(rows):
    assert not parse_spreadsheet(build_xlsx(LIST, sheet="Liste", more={"Autre": rows}), ParsingOptions()).questions


def test_a_sheet_that_is_not_read_and_cites_a_few_schools_of_the_list_is_named():
    cancelled = build_xlsx(LIST, more={"Annulées": [["UAI", "École"], [UNUSED_UAIS[1], "Hugo"]]})
    remarks = parse_spreadsheet(cancelled, ParsingOptions()).remarks
    assert "« Annulées » n'est pas lue et cite des écoles de la liste (ligne 3)." in remarks
    directory = build_xlsx(LIST, more={"Annuaire": [row[:2] for row in LIST]})
    assert not any("cite des écoles" in remark for remark in parse_spreadsheet(directory, ParsingOptions()).remarks)


def test_versions_of_one_spreadsheet_are_not_added_up():
    rows = [["UAI", "Licences"], [UNUSED_UAIS[0], 1], [UNUSED_UAIS[1], 2], [UNUSED_UAIS[2], 2]]
    content = build_xlsx(rows, sheet="2024", more={"2025": [*rows[:3], [UNUSED_UAIS[3], 9]]})
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert (question_codes(parsed_sheet), parsed_sheet.rows) == (["multiple_versions"], [])
    assert "« 2024 » et « 2025 »" in parsed_sheet.questions[0].message
    chosen = parse_spreadsheet(content, ParsingOptions(sheets=["2025"]))
    assert (question_codes(chosen), [row.units for row in chosen.rows]) == ([], [1, 2, 9])


def test_versions_are_known_by_names_where_there_is_no_uai():
    rows = [["École", "Commune", "Licences"], ["Zola", "Nîmes", 1], ["Hugo", "Alès", 2]]
    parsed_sheet = parse_spreadsheet(build_xlsx(rows, sheet="mars", more={"avril": rows}), ParsingOptions())
    assert question_codes(parsed_sheet) == ["multiple_versions"]


def test_a_school_in_two_sheets_makes_no_version():
    content = build_xlsx([["UAI", "Licences"], [UNUSED_UAIS[0], 1], [UNUSED_UAIS[1], 2], [UNUSED_UAIS[2], 2]],
        sheet="A", more={"B": [["UAI", "Licences"], [UNUSED_UAIS[0], 1], [UNUSED_UAIS[3], 2], [UNUSED_UAIS[4], 2]]},
    )  # fmt: skip
    assert row_numbers(parse_spreadsheet(content, ParsingOptions())) == [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)]


def hide_sheets(content_of, *names):
    book = openpyxl.load_workbook(io.BytesIO(content_of))
    for name in names:
        book[name].sheet_state = "hidden"
    return save_workbook(book)


def test_a_hidden_sheet_counts_less():
    content = build_xlsx(
        [["UAI"], [UNUSED_UAIS[0]]], more={"Base": [["UAI"], [UNUSED_UAIS[1]], [UNUSED_UAIS[2]], [UNUSED_UAIS[3]]]}
    )
    parsed_sheet = parse_spreadsheet(hide_sheets(content, "Base"), ONE_EACH)
    assert parsed_sheet.regions == [(0, 1)]
    assert parsed_sheet.remarks == ["Des feuilles masquées contiennent des écoles et ne sont pas lues : « Base »."]


def test_a_hidden_sheet_is_read_where_no_other_lists_schools():
    content = build_xlsx([["Bonjour"]], more={"Base": [["UAI"], [UNUSED_UAIS[1]]]})
    assert parse_spreadsheet(hide_sheets(content, "Base"), ONE_EACH).regions == [(1, 1)]


def test_a_sheet_of_names_is_found_among_others():
    content = build_xlsx(
        [["Sommaire"], ["1. Écoles"], ["2. Légende"]],
        more={
            "Légende": [["EEPU : école élémentaire publique"]],
            "Écoles": [["École", "Ville", "Nb"], ["Zola", "Nîmes", 2], ["Hugo", "Alès", 3]],
        },
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert parsed_sheet.regions == [(2, 1)]
    assert [row.units for row in parsed_sheet.rows] == [2, 3]


def test_a_sheet_that_says_how_many_is_preferred_to_one_that_does_not():
    base = [["UAI", "École", "Commune"], *[[code, "x", "Nîmes"] for code in UNUSED_UAIS]]
    content = build_xlsx(base, sheet="Base", more={"Demandes": [["UAI", "Licences"], [UNUSED_UAIS[0], 2]]})
    assert parse_spreadsheet(content, ParsingOptions()).regions == [(1, 1)]


def test_what_the_member_chose_always_wins():
    content = build_xlsx(
        [["UAI", "n"], [UNUSED_UAIS[0], 1]], sheet="A", more={"B": [["UAI", "n"], [UNUSED_UAIS[1], 1]]}
    )
    chosen = ParsingOptions(sheets=["B"], header_row=0, columns={Meaning.UAI: 0, Meaning.UNITS: 1})
    parsed_sheet = parse_spreadsheet(content, chosen)
    assert (parsed_sheet.regions, row_numbers(parsed_sheet)) == ([(1, None)], [(1, 1), (1, 2)])
    with pytest.raises(UnreadableFile) as refusal:
        parse_spreadsheet(content, ParsingOptions(sheets=["A", "C"]))
    assert (refusal.value.code, "« C »" in refusal.value.sentence) == ("unknown_sheet", True)


def test_a_chosen_title_row_applies_to_all_chosen_sheets_without_their_own():
    titles = ["UAI", "Licences"]
    content = build_xlsx([["Nîmes"], titles, [UNUSED_UAIS[0], 1]], sheet="A", more={"B": [titles, [UNUSED_UAIS[1], 2]]})
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(sheets=["A", "B"], header_row=2))
    assert (parsed_sheet.regions, row_numbers(parsed_sheet)) == ([(0, 2), (1, 1)], [(0, 3), (1, 2)])


def test_chosen_sheets_of_other_shapes_have_their_own_columns():
    content = build_xlsx(
        [["UAI", "Licences"], [UNUSED_UAIS[0], 1]], sheet="A", more={"B": [["Licences", "RNE"], [2, UNUSED_UAIS[1]]]}
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(sheets=["A", "B"]))
    assert [(row.cells["uai"], row.units) for row in parsed_sheet.rows] == [(UNUSED_UAIS[0], 1), (UNUSED_UAIS[1], 2)]


# Remembered mappings


TITLES = ["Réf. A", "Réf. B", "Combien"]
SHAPE = compute_header_digest(TITLES)


def remember_mapping(columns, volume=None):
    return ParsingContext({SHAPE: RememberedMapping(columns, volume)})


def test_a_remembered_mapping_is_applied():
    content = build_csv([[*TITLES, ""], [UNUSED_UAIS[0], UNUSED_UAIS[1], "3"]])
    parsed_sheet = parse_spreadsheet(content, ONE_EACH, known=remember_mapping({Meaning.UAI: 1, Meaning.UNITS: 2}))
    assert (parsed_sheet.remembered, parsed_sheet.rows[0].cells["uai"]) == (True, UNUSED_UAIS[1])


def test_a_remembered_mapping_that_no_longer_fits_is_asked_about():
    content = build_csv([TITLES, ["12", UNUSED_UAIS[1], "3"], ["13", UNUSED_UAIS[2], "4"]])
    parsed_sheet = parse_spreadsheet(content, ONE_EACH, known=remember_mapping({Meaning.UAI: 0, Meaning.UNITS: 2}))
    assert (parsed_sheet.remembered, question_codes(parsed_sheet), parsed_sheet.rows) == (
        False,
        ["remembered_layout_mismatch"],
        [],
    )
    assert "« Réf. B » (B)" in parsed_sheet.questions[0].message
    assert not parse_spreadsheet(content, ParsingOptions(units_for_all=1, columns={Meaning.UAI: 1})).questions


def test_two_lines_of_titles_are_remembered_by_both():
    content = build_xlsx(
        [["UAI", "Contact", None], [None, "Nom", "Mél"], [UNUSED_UAIS[0], "Mme Martin", "a@b.fr"]], merged=["B1:C1"]
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(purpose=Purpose.PORTFOLIO))
    assert parsed_sheet.header_digest == compute_header_digest(["UAI", "Contact / Nom", "Contact / Mél"])


@pytest.mark.slow
def test_progress_is_reported():
    calls = []
    content = build_csv([["UAI", "Licences"], *[[UNUSED_UAIS[0], 1]] * 12_000])
    parse_spreadsheet(content, ParsingOptions(), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(5_000, 12_001), (10_000, 12_001)]


@pytest.mark.slow
def test_a_very_wide_table_is_read_by_its_first_columns_and_keeps_all_titles():
    row = [UNUSED_UAIS[0], *[f"texte {number}" for number in range(999)]]
    parsed_sheet = parse_spreadsheet(
        build_csv([["UAI", *[f"Colonne {number}" for number in range(998)], "RNE"], *[row] * 400]), ONE_EACH
    )
    assert (mapped_titles(parsed_sheet), len(parsed_sheet.titles), parsed_sheet.titles[-1]) == (
        {"uai": "UAI"},
        1000,
        "RNE",
    )
