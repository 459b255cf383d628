"""Ignored rows, and values written once for a group of rows."""

import pytest

from imports.columns import Meaning
from imports.parsing.spreadsheet import ParsingContext, ParsingOptions, parse_spreadsheet
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx

COMMUNES = frozenset({"nimes", "ales", "saint gilles", "l hay les roses"})
ONE_EACH = ParsingOptions(units_for_all=1)


def parse_rows(titles, *rows, choices=ONE_EACH):
    return parse_spreadsheet(build_csv([titles, *rows]), choices, known=ParsingContext(communes=COMMUNES))


def ignored_reasons(parsed_sheet):
    return [row.ignored for row in parsed_sheet.rows]


def values_of(parsed_sheet, meaning):
    return [row.cells.get(meaning, "") for row in parsed_sheet.rows if not row.ignored]


CODED = ["UAI", "École", "Commune", "Licences"]


@pytest.mark.parametrize(
    "row",
    [
        ["TOTAL GÉNÉRAL", "", "", "5"], ["", "S/Total Nîmes", "", "5"], ["", "s/t Alès", "", "5"],
        ["", "", "Total commune :", "5"], ["", "Sous-total Nîmes", "Nîmes", "5"], ["", "SOUS TOTAL", "", ""],
        ["Total", "48", "", "5"], ["Ensemble", "", "", "5"], ["", "Ensemble des écoles", "", "5"],
        ["", "Moyenne par école", "", "2,5"], ["Nombre d'écoles :", "48", "", ""], ["", "Nombre d'écoles", "", "2"],
        ["", "Soit 5 licences", "", ""], ["", "", "", "5"], ["", "", "Nîmes", "5"],
        ["* hors REP", "", "", ""],
        ["Contact : Mme Martin, 04 66 12 34 56", "", "", ""],
        ["(1) écoles en REP+", "", "", ""], ["Source : DSDEN, 2026", "", "", ""],
        ["", "Fait à Nîmes, le 12 mars 2026", "", "Le directeur"],
        ["NÎMES", "", "", ""], ["Commune de Nîmes", "", "", ""],
        ["", "NÎMES (12 écoles)", "", ""],
        ["ÉCOLES MATERNELLES", "", "", ""], ["Circonscription de Nîmes 2", "", "", ""],
        ["UAI", "École", "Commune", "Licences"], ["Code UAI", "ÉCOLE", "", "Licences"],
    ],
)  # fmt: skip
def test_rows_that_are_no_school_are_ignored_with_the_reason(row):
    parsed_sheet = parse_rows(
        CODED,
        [UNUSED_UAIS[0], "Zola", "Nîmes", "2"],
        [UNUSED_UAIS[1], "Hugo", "Nîmes", "3"],
        row,
        choices=ParsingOptions(),
    )
    assert ignored_reasons(parsed_sheet)[:2] == ["", ""]
    assert ignored_reasons(parsed_sheet)[2].endswith(".")


@pytest.mark.parametrize(
    "row",
    [
        [UNUSED_UAIS[2], "Total", "", "5"],
        ["", "École du Total", "Nîmes", "5"], ["", "Ensemble scolaire Saint-Joseph", "Alès", "1"],
        ["0301234Z", "Total Zola", "", "5"], ["#N/A", "Zola", "", "5"],
        ["#REF!", "", "", ""], ["", "École Zola", "", ""],
        ["", "Sand", "Nîmes", ""], ["30123", "", "", "2"],
    ],
)  # fmt: skip
def test_a_row_that_names_a_school_is_never_ignored(row):
    assert (
        ignored_reasons(parse_rows(CODED, [UNUSED_UAIS[0], "Hugo", "Nîmes", "2"], row, choices=ParsingOptions()))[1]
        == ""
    )


def test_the_somme_is_a_departement():
    parsed_sheet = parse_rows(
        ["École", "Commune", "Département"], ["Hugo", "Amiens", "Somme"], ["Zola", "Abbeville", "Somme"]
    )
    assert ignored_reasons(parsed_sheet) == ["", ""]


def test_in_a_list_without_uai_names_are_schools_and_totals_are_not():
    rows = [["Jean Jaurès", "3"], ["Pasteur", ""], ["TOTAL", "3"], ["", "3"], ["* à confirmer", ""]]
    parsed_sheet = parse_rows(["École", "Licences"], *rows, choices=ParsingOptions())
    assert [bool(reason) for reason in ignored_reasons(parsed_sheet)] == [False, False, True, True, True]


def test_a_village_s_only_school_is_a_school_and_a_title_of_many_is_none():
    parsed_sheet = parse_rows(
        ["Commune", "École", "Classes"],
        ["Nîmes", "Zola", "3"],
        ["", "ECOLE ELEMENTAIRE", ""],
        ["", "ÉCOLES MATERNELLES", ""],
    )
    assert [bool(reason) for reason in ignored_reasons(parsed_sheet)] == [False, False, True]


def test_schools_called_as_their_communes_are_schools():
    parsed_sheet = parse_rows(
        ["École", "Licences"], ["Nîmes", "3"], ["Alès", "2"], ["Saint-Gilles", ""], choices=ParsingOptions()
    )
    assert ignored_reasons(parsed_sheet) == ["", "", ""]


def test_a_formula_error_in_the_uai_column_is_an_error():
    parsed_sheet = parse_rows(CODED, ["#N/A", "Zola", "Nîmes", "2"], choices=ParsingOptions())
    assert [(problem.column, problem.code) for problem in parsed_sheet.rows[0].problems] == [("uai", "excel_error")]


# Filled down


def test_a_commune_written_once_is_filled_down_its_group():
    parsed_sheet = parse_rows(
        ["Commune", "CP", "École", "Licences"],
        ["Nîmes", "30000", "Zola", "3"],
        ["", "", "Hugo", ""],
        ["", "", "Sand", "2"],
        ["Alès", "30100", "Camus", "1"],
        ["", "", "Colette", "4"],
        choices=ParsingOptions(),
    )
    assert values_of(parsed_sheet, "commune") == ["Nîmes", "Nîmes", "Nîmes", "Alès", "Alès"]
    assert values_of(parsed_sheet, "postal_code") == ["30000", "30000", "30000", "30100", "30100"]
    assert values_of(parsed_sheet, "units") == ["3", "", "2", "1", "4"]
    assert parsed_sheet.remarks == [
        "La commune, écrite une fois par groupe, a été reportée sur 3 lignes.",
        "Le code postal, écrit une fois par groupe, a été reporté sur 3 lignes.",
    ]


def test_a_commune_missing_here_and_there_is_not_filled_in():
    rows = [["Nîmes", f"École {n}"] for n in range(12)]
    rows[5][0] = rows[9][0] = ""
    parsed_sheet = parse_rows(["Commune", "École"], *rows, ["Alès", "École Camus"])
    assert (values_of(parsed_sheet, "commune").count(""), parsed_sheet.remarks) == (2, [])


def test_nothing_is_filled_down_into_the_next_group():
    parsed_sheet = parse_rows(
        ["Commune", "École", "Licences"],
        ["Nîmes", "Zola", "3"], ["", "Hugo", "2"], ["Sous-total", "", "5"],
        ["", "Sand", "2"], ["", "Camus", "2"],
    )  # fmt: skip
    assert values_of(parsed_sheet, "commune") == ["Nîmes", "Nîmes", "", ""]


def test_a_sub_total_within_the_group_ends_nothing():
    parsed_sheet = parse_rows(
        ["Commune", "École", "Licences"],
        ["Nîmes", "Zola", "3"], ["", "Hugo", "2"],
        ["", "Sous-total maternelles", "5"], ["", "Sand", "2"],
    )  # fmt: skip
    assert values_of(parsed_sheet, "commune") == ["Nîmes", "Nîmes", "Nîmes"]


def test_a_postal_code_of_another_place_stops_the_commune():
    parsed_sheet = parse_rows(
        ["Commune", "Code postal", "École"],
        ["Nîmes", "30000", "Zola"], ["", "30000", "Hugo"], ["", "30100", "Sand"], ["", "30000", "Camus"],
    )  # fmt: skip
    assert values_of(parsed_sheet, "commune") == ["Nîmes", "Nîmes", "", "Nîmes"]


def test_the_title_of_a_group_gives_its_commune():
    parsed_sheet = parse_rows(
        ["UAI", "École", "Licences"],
        ["Commune de Nîmes"], [UNUSED_UAIS[0], "Zola", "3"], [UNUSED_UAIS[1], "Hugo", "2"], ["", "Total Nîmes", "5"],
        ["L'HAŸ-LES-ROSES", "", ""], ["", "Sand", "2"], ["Secteur nord"], ["", "Camus", "1"],
    )  # fmt: skip
    assert values_of(parsed_sheet, "commune") == ["Nîmes", "Nîmes", "L'HAŸ-LES-ROSES", ""]
    assert parsed_sheet.remarks == ["La commune, écrite une fois par groupe, a été reportée sur 3 lignes."]


def test_merged_cells_fill_the_rows_they_span():
    content = build_xlsx(
        [["École", "Commune"], ["Zola", "Nîmes"], ["Hugo", None],
        ["Sand", None], ["Camus", "Alès"], ["Colette", "Alès"],
         ["Verne", "Nîmes"]],
        merged=["B2:B3"],
    )  # fmt: skip
    parsed_sheet = parse_spreadsheet(content, ONE_EACH)
    assert values_of(parsed_sheet, "commune") == ["Nîmes", "Nîmes", "", "Alès", "Alès", "Nîmes"]


def test_merged_cells_never_give_a_uai_or_a_number():
    content = build_xlsx(
        [["UAI", "École", "Licences"], [UNUSED_UAIS[0], "Zola", 3], [None, "Hugo", None]], merged=["A2:A3", "C2:C3"]
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert [(row.cells.get("uai"), row.units) for row in parsed_sheet.rows] == [(UNUSED_UAIS[0], 3), (None, None)]


def test_meanings_other_than_the_commune_are_not_filled_down():
    parsed_sheet = parse_rows(
        ["Mail", "UAI", "École"],
        ["a@b.fr", UNUSED_UAIS[0], "Zola"],
        ["", UNUSED_UAIS[1], "Hugo"],
        ["", UNUSED_UAIS[2], "Sand"],
    )
    assert [row.email for row in parsed_sheet.rows] == ["a@b.fr", "", ""]
    assert Meaning.EMAIL in parsed_sheet.columns


def test_a_number_without_a_school_that_is_the_sum_of_those_above_is_a_total():
    rows = [[UNUSED_UAIS[0], "Zola", "Nîmes", "2"], [UNUSED_UAIS[1], "Hugo", "Nîmes", "3"], ["", "", "Nîmes", "5"]]
    parsed_sheet = parse_rows(
        CODED,
        *rows,
        [UNUSED_UAIS[2], "Sand", "Alès", "4"],
        ["", "", "Alès", "9"],
        ["", "", "Alès", "8"],
        choices=ParsingOptions(),
    )
    assert (
        ignored_reasons(parsed_sheet)[2]
        == ignored_reasons(parsed_sheet)[4]
        == "Ligne sans école, dont le nombre est la somme de celles du dessus."
    )
    assert ignored_reasons(parsed_sheet)[5] == ""


def test_uncomputed_formulas_are_reported_and_their_totals_ignored():
    content = build_xlsx(
        [["UAI", "École", "E-mail", "Licences"], [UNUSED_UAIS[0], "Zola", "a@b.fr", "=1+1"], ["=B2", "Hugo", "=C2", 3],
         ["Total", None, None, "=SUM(D2:D3)"], [None, "Sous-total", None, "=SUM(D2:D3)"]]
    )  # fmt: skip
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert [[(problem.column, problem.code) for problem in row.problems] for row in parsed_sheet.rows] == [
        [("units", "formula_not_computed")], [("uai", "formula_not_computed"), ("email", "formula_not_computed")],
        [], [],
    ]  # fmt: skip
    assert "Ouvrez le fichier dans votre tableur" in parsed_sheet.rows[0].problems[0].message
    assert [bool(row.ignored) for row in parsed_sheet.rows] == [False, False, True, True]


def test_a_school_named_by_an_uncomputed_formula_is_kept():
    content = build_xlsx(
        [["UAI", "École", "Licences"], ["=A9", "=B9", "=C9"], [None, None, "=SUM(C2:C2)"], [UNUSED_UAIS[0], "Zola", 1]]
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert [(row.number, bool(row.problems)) for row in parsed_sheet.rows] == [(2, True), (4, False)]


def test_spreadsheet_error_cells_are_row_errors():
    content = build_xlsx(
        [["UAI", "École", "Licences"], ["#N/A", "Zola", 3], [UNUSED_UAIS[0], "Hugo", "#REF!"], ["#N/A", None, None]]
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert [[(problem.column, problem.code) for problem in row.problems] for row in parsed_sheet.rows] == [
        [("uai", "excel_error")], [("units", "units_invalid")], [("units", "units_missing"), ("uai", "excel_error")],
    ]  # fmt: skip
    assert not any(row.ignored for row in parsed_sheet.rows)


# Once for a whole sheet


def test_sheets_named_for_their_communes_give_them():
    rows = [["École", "Licences"], ["Zola", 3], ["Total", 3]]
    parsed_sheet = parse_spreadsheet(
        build_xlsx(rows, sheet="Nîmes", more={"2-ALES": rows}),
        ParsingOptions(),
        known=ParsingContext(communes=COMMUNES),
    )
    assert values_of(parsed_sheet, "commune") == ["Nîmes", "ALES"]
    assert (
        parsed_sheet.remarks[-1]
        == "La commune, d'après le nom de la feuille ou son titre, a été reportée sur 2 lignes."
    )


def test_a_line_above_the_titles_may_name_the_commune():
    rows = [["VILLE DE NÎMES – DIRECTION DE L'ÉDUCATION"], ["École", "Licences"], ["Zola", 3]]
    parsed_sheet = parse_spreadsheet(
        build_xlsx(rows, sheet="Alès"), ParsingOptions(), known=ParsingContext(communes=COMMUNES)
    )
    assert values_of(parsed_sheet, "commune") == ["NÎMES"]


def test_a_commune_column_wins_over_the_sheet_name():
    rows = [["Ville de Nîmes"], ["École", "Commune"], ["Zola", ""], ["Hugo", "Alès"]]
    parsed_sheet = parse_spreadsheet(build_xlsx(rows), ONE_EACH, known=ParsingContext(communes=COMMUNES))
    assert values_of(parsed_sheet, "commune") == ["", "Alès"]


def test_the_name_of_a_single_sheet_gives_no_commune():
    parsed_sheet = parse_spreadsheet(
        build_xlsx([["École"], ["Zola"], ["Hugo"]], sheet="Nîmes"), ONE_EACH, known=ParsingContext(communes=COMMUNES)
    )
    assert values_of(parsed_sheet, "commune") == ["", ""]
