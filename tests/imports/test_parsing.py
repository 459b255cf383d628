"""Parsing of the sheet, its titles and columns, and the questions asked."""

import pytest

from imports.columns import Meaning
from imports.enums import Volume
from imports.formats.exceptions import UnreadableFile
from imports.parsing.column_titles import Title, match_meanings
from imports.parsing.spreadsheet import ParsingOptions, parse_spreadsheet
from tests.imports.sample_files import UNUSED_UAIS, build_csv, build_xlsx


def titles(parsed_sheet):
    return {meaning.value: parsed_sheet.titles[index] for meaning, index in parsed_sheet.columns.items()}


def question_codes(parsed_sheet):
    return [question.code for question in parsed_sheet.questions]


@pytest.mark.parametrize(
    "title",
    ["UAI", "uai", "RNE", "Code RNE", "numero_uai", "numero_UAI", "N° UAI", "Numéro de l'école",
     "Identifiant_de_l_etablissement", "Code établissement", "Code UAI ", "  N°  UAI",
     "UAI de l'établissement", "Code UAI école"],
)  # fmt: skip
def test_titles_that_hold_a_uai(title):
    assert Meaning.UAI in match_meanings(Title(title))


@pytest.mark.parametrize(
    "title",
    ["E-mail", "mail", "MAIL", "Mél", "Courriel", "Adresse e-mail", "Adresse mail", "Adresse électronique",
     "email_ecole", "Mail directeur", "Messagerie"],
)  # fmt: skip
def test_titles_that_hold_an_address(title):
    assert Meaning.EMAIL in match_meanings(Title(title))


@pytest.mark.parametrize(
    "title",
    ["Licences", "Nb licences", "Nombre de licences", "NB DE LICENCES ", "Quantité", "Qté", "Nombre",
     "Nombre de clés", "Volume", "Licences demandées"],
)  # fmt: skip
def test_titles_that_hold_a_number_of_licences(title):
    assert Meaning.UNITS in match_meanings(Title(title))


@pytest.mark.parametrize("title", ["Nombre d'élèves", "Effectif", "Nombre_d_eleves", "Téléphone", "Code postal", "N°"])
def test_titles_that_hold_no_number_of_licences(title):
    assert Meaning.UNITS not in match_meanings(Title(title))


@pytest.mark.parametrize("title", ["Nb classes", "Nombre de classes", "Classes élémentaires", "Nb de classes"])
def test_titles_that_hold_a_number_of_classes(title):
    assert set(match_meanings(Title(title))) == {Meaning.CLASSES}


def test_licences_are_surer_than_classes():
    content = build_csv([["UAI", "Nb classes", "Nb licences"], [UNUSED_UAIS[0], 5, 3]])
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert (parsed_sheet.volume, parsed_sheet.rows[0].units, parsed_sheet.rows[0].classes) == (Volume.COLUMN, 3, 5)
    parsed_sheet = parse_spreadsheet(build_csv([["UAI", "Nb classes"], [UNUSED_UAIS[0], 5]]), ParsingOptions())
    assert (parsed_sheet.volume, parsed_sheet.rows[0].units) == (Volume.CLASSES, 5)


def test_the_table_is_found_below_banner_blank_rows_and_above_its_total():
    content = build_xlsx(
        [
            ["LISTE DES ÉCOLES – RNE – RENTRÉE 2026", None, None],
            ["Document de travail"],
            [],
            ["RNE", "ECOLE ", "Nb licences"],
            [UNUSED_UAIS[0], "Zola", 3],
            [],
            [UNUSED_UAIS[1], "Jaurès", 2.0],
            ["TOTAL", 2, "=SUM(C5:C7)"],
        ],
        more={"Légende": [["RNE = UAI"]], "Feuil3": []},
        merged=["A1:C1"],
        hidden=["B"],
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions())
    assert (parsed_sheet.sheets[0], parsed_sheet.regions) == ("Feuil1", [(0, 4)])
    assert titles(parsed_sheet) == {"uai": "RNE", "units": "Nb licences", "name": "ECOLE"}
    assert [(row.number, row.cells["uai"], row.units, row.ignored) for row in parsed_sheet.rows] == [
        (5, UNUSED_UAIS[0], 3, ""),
        (7, UNUSED_UAIS[1], 2, ""),
        (8, "TOTAL", None, "Ligne de total."),
    ]
    assert not any(row.problems for row in parsed_sheet.rows)


def test_the_sheet_with_the_schools_is_read_and_the_others_are_named():
    content = build_xlsx([["Notice"], ["RNE : code à huit caractères"]], sheet="Lisez-moi",
                   more={"Écoles": [["UAI", "n"], [UNUSED_UAIS[0], 1], [UNUSED_UAIS[1], 1]],
                         "Anciennes": [["UAI"], [UNUSED_UAIS[2]]]})  # fmt: skip
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(units_for_all=1))
    assert [parsed_sheet.sheets[region.sheet] for region in parsed_sheet.regions] == ["Écoles"]
    assert parsed_sheet.remarks == [
        "Seule la feuille « Écoles » est lue ; contiennent aussi des écoles : « Anciennes »."
    ]


def test_the_member_chooses_another_sheet_and_header():
    content = build_xlsx(
        [["UAI"], [UNUSED_UAIS[0]]], more={"B": [["UAI", "x"], ["note"], ["UAI", "Licences"], [UNUSED_UAIS[1], 4]]}
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(sheets=["B"], header_row=3))
    assert [(row.sheet, row.number, row.cells["uai"], row.units) for row in parsed_sheet.rows] == [
        (1, 4, UNUSED_UAIS[1], 4)
    ]


def test_a_sheet_that_is_not_there_is_refused():
    with pytest.raises(UnreadableFile) as refusal:
        parse_spreadsheet(build_xlsx([["UAI"], [UNUSED_UAIS[0]]]), ParsingOptions(sheets=["Absente"]))
    assert refusal.value.code == "unknown_sheet"


def test_columns_are_known_by_what_they_hold():
    content = build_csv([["Réf", "Info", "Combien"], [UNUSED_UAIS[0], "a@b.fr", "2"], [UNUSED_UAIS[1], "c@d.fr", "3"]])
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(units_for_all=1))
    assert titles(parsed_sheet) == {"uai": "Réf", "email": "Info"}


def test_a_wrong_title_is_not_trusted():
    content = build_csv([["Code établissement", "Repère"], ["340", UNUSED_UAIS[0]], ["151", UNUSED_UAIS[1]]])
    assert titles(parse_spreadsheet(content, ParsingOptions(units_for_all=1))) == {"uai": "Repère"}


def test_a_table_without_titles_is_read_from_its_first_row():
    parsed_sheet = parse_spreadsheet(
        build_csv([[UNUSED_UAIS[0], "Zola"], [UNUSED_UAIS[1], "Jaurès"]]), ParsingOptions(units_for_all=2)
    )
    assert parsed_sheet.regions == [(0, None)]
    assert [(row.number, row.cells["uai"]) for row in parsed_sheet.rows] == [(1, UNUSED_UAIS[0]), (2, UNUSED_UAIS[1])]


def test_two_uai_columns_ask_a_question():
    content = build_csv(
        [
            ["UAI école", "UAI de rattachement", "n"],
            [UNUSED_UAIS[0], UNUSED_UAIS[2], 1],
            [UNUSED_UAIS[1], UNUSED_UAIS[3], 1],
        ]
    )
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(units_for_all=1))
    assert titles(parsed_sheet) == {"uai": "UAI école"}  # the surer title
    content = build_csv([["UAI", "RNE"], [UNUSED_UAIS[0], UNUSED_UAIS[2]], [UNUSED_UAIS[1], UNUSED_UAIS[3]]])
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(units_for_all=1))
    assert question_codes(parsed_sheet) == ["uai_columns"]
    assert "« UAI » (A) et « RNE » (B)" in parsed_sheet.questions[0].message
    assert parsed_sheet.rows == []
    answered = parse_spreadsheet(content, ParsingOptions(units_for_all=1, columns={Meaning.UAI: 1}))
    assert [row.cells["uai"] for row in answered.rows] == [UNUSED_UAIS[2], UNUSED_UAIS[3]]


def test_the_same_column_twice_asks_nothing():
    parsed_sheet = parse_spreadsheet(
        build_csv([["UAI", "RNE"], [UNUSED_UAIS[0], UNUSED_UAIS[0].lower()], [UNUSED_UAIS[1], UNUSED_UAIS[1]]]),
        ParsingOptions(units_for_all=1),
    )
    assert question_codes(parsed_sheet) == []


def test_two_email_columns_ask_a_question():
    content = build_csv([["UAI", "Mail école", "Mail directeur"], [UNUSED_UAIS[0], "a@b.fr", "c@d.fr"]])
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(units_for_all=1))
    assert question_codes(parsed_sheet) == ["email_columns"]
    assert parsed_sheet.questions[0].options[1] == ("C", "« Mail directeur » (C), par exemple c@d.fr")
    for answer, addresses in (("C", ["c@d.fr"]), ("none", [""])):
        parsed_sheet = parse_spreadsheet(content, ParsingOptions(units_for_all=1, answers={"email_columns": answer}))
        assert (question_codes(parsed_sheet), [row.email for row in parsed_sheet.rows]) == ([], addresses)


OFFICIAL = "ce.0301234d@ac-montpellier.example"


@pytest.mark.parametrize(
    ("titles", "row", "is_asked"),
    [
        (["UAI", "Mail"], ["zola@ville.example"], False),
        (["UAI", "Courriel de l'école"], ["zola@ville.example"], False),
        (["UAI", "Adresse mail de la directrice"], ["zola@ville.example"], False),
        (["UAI", "Mail enseignant"], ["m.durand@ville.example"], True),
        (["UAI", "Mail du parent élu"], ["m.durand@ville.example"], False),
        (["UAI", "Mail demandeur"], ["m.durand@ville.example"], True),
        (["UAI", "Mail demandeur"], [OFFICIAL], False),
        (["UAI", "Votre adresse e-mail"], ["m.durand@ville.example"], True),
        (["UAI", "Mail", "Horodateur"], ["m.durand@ville.example", "01/09/2026 10:03:12"], True),
        (["UAI", "Mail", "Enseignant"], ["m.durand@ville.example", "M. Durand"], True),
    ],
)
def test_an_address_that_may_be_a_person_s_is_asked_about(titles, row, is_asked):
    """A parent's is not read at all."""
    parsed_sheet = parse_spreadsheet(build_csv([titles, [UNUSED_UAIS[0], *row]]), ParsingOptions(units_for_all=1))
    assert ("email_columns" in question_codes(parsed_sheet)) is is_asked
    assert not is_asked or parsed_sheet.rows[0].email == ""
    assert not is_asked or parsed_sheet.questions[0].likely == "none"


def test_addresses_that_differ_within_a_school_are_not_read():
    rows = [[UNUSED_UAIS[0], f"{name}@ville.example", 1] for name in ("durand", "martin")]
    parsed_sheet = parse_spreadsheet(build_csv([["UAI", "Mail", "Licences"], *rows]), ParsingOptions())
    assert [row.email for row in parsed_sheet.rows] == ["", ""]
    assert "Une même école a plusieurs adresses dans « Mail » (B)" in parsed_sheet.remarks[0]


def test_without_a_number_it_is_asked_for():
    assert question_codes(
        parse_spreadsheet(build_csv([["UAI", "École"], [UNUSED_UAIS[0], "Zola"]]), ParsingOptions())
    ) == ["units_source_missing"]


def test_two_number_columns_ask_a_question_unless_one_number_serves_all():
    content = build_csv([["UAI", "Quantité", "Nombre"], [UNUSED_UAIS[0], 1, 2]])
    assert question_codes(parse_spreadsheet(content, ParsingOptions())) == ["ambiguous_column"]
    parsed_sheet = parse_spreadsheet(content, ParsingOptions(units_for_all=7))
    assert (parsed_sheet.volume, question_codes(parsed_sheet), len(parsed_sheet.rows)) == (Volume.ALL, [], 1)


def test_without_uai_schools_are_read_by_their_names():
    parsed_sheet = parse_spreadsheet(
        build_csv([["École", "Ville"], ["Zola", "Nîmes"]]), ParsingOptions(units_for_all=1)
    )
    assert (question_codes(parsed_sheet), parsed_sheet.rows[0].cells) == ([], {"name": "Zola", "commune": "Nîmes"})


def test_without_uai_and_names_an_error_is_reported():
    parsed_sheet = parse_spreadsheet(build_csv([["Ville", "Nombre"], ["Nîmes", 3]]), ParsingOptions(units_for_all=1))
    assert question_codes(parsed_sheet) == ["uai_column_missing"]


def test_every_error_of_a_row_is_reported_at_once():
    parsed_sheet = parse_spreadsheet(
        build_csv([["UAI", "mail", "Licences"], [UNUSED_UAIS[0], "a@b.fr", 1], ["0301234Z", "a@", "-1"]]),
        ParsingOptions(),
    )
    assert [problem.code for problem in parsed_sheet.rows[1].problems] == ["units_invalid", "email_invalid"]


@pytest.mark.parametrize(
    "row",
    [["Total", "2 écoles", "5"], ["", "TOTAL GÉNÉRAL", "5"], ["", "Sous-total", "5"], ["", "", "5"],
     ["Source : inspection", "", ""], ["UAI", "École", "Licences"]],
)  # fmt: skip
def test_totals_and_notes_are_ignored_with_the_reason(row):
    parsed_sheet = parse_spreadsheet(
        build_csv([["UAI", "École", "Licences"], [UNUSED_UAIS[0], "Zola", 2], [UNUSED_UAIS[1], "Hugo", 3], row]),
        ParsingOptions(),
    )
    assert parsed_sheet.rows[-1].ignored


@pytest.mark.parametrize(
    "row", [["", "Zola", "2"], ["030123", "", ""], ["0301234Z", "Total Zola", "2"], ["??", "Hugo", "1"]]
)
def test_a_row_that_may_be_a_school_is_never_ignored(row):
    parsed_sheet = parse_spreadsheet(
        build_csv([["UAI", "École", "Licences"], [UNUSED_UAIS[0], "Zola", 2], row]), ParsingOptions()
    )
    assert not parsed_sheet.rows[-1].ignored
